"""A web server whose answers a test chooses and that remembers what it was sent."""

import http.server
import io
import threading
from contextlib import contextmanager

from PIL import Image

KEY = {"Authorization": "Token very-secret-key"}


def png(colour="red", size=(20, 10)):
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.do_GET()

    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        route = self.server.routes.get(self.path.partition("?")[0], (404, {}, b"not here"))
        if callable(route):
            route = route(self)
        if route is not None:
            self.answer(*route)

    def answer(self, status, headers, body):
        self.send_response(status)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_HEAD = do_GET  # noqa: N815 (a name of http.server)

    def log_message(self, *_):
        pass


@contextmanager
def serving(server):
    """Let a server answer in a thread of its own until the block ends."""
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


class Server(http.server.ThreadingHTTPServer):
    """Routes map a path to (status, headers, body), or to a function of the handler that returns
    that, or None where it has written to the connection itself."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.routes = {}
        self.seen = []
        self.address = f"127.0.0.1:{self.server_port}"
        self.url = f"http://{self.address}"

    def handle_error(self, *_):
        pass  # clients hang up here on purpose

    def paths(self):
        return [path for path, _ in self.seen]

    def keys_seen(self):
        return [headers.get("Authorization") for _, headers in self.seen]
