"""Settings, servers and findings of the doctor's tests."""

import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from fishermask_backend.settings import load_settings


@pytest.fixture
def with_settings(settings, monkeypatch):
    """Settings as they are with these variables."""

    def read(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        return load_settings()

    monkeypatch.setenv("BACKBONE", "small_cnn")
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9")
    return read


@contextmanager
def web(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def somebody_s_server(status, body="", **headers):
    """A server that answers everything like this."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with web(ThreadingHTTPServer(("127.0.0.1", 0), Answers)) as address:
        yield address


def found(findings):
    return {finding.what: finding for finding in findings}
