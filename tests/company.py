"""What stands between a company's machines and the world: a proxy, and an authority of its own."""

import datetime
import http.client
import http.server
import select
import socket
import ssl

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.images.image_server import Server


class Proxy(Server):
    """Forwards plain requests and tunnels others, to `target`, whatever their host's name is."""

    target = None
    refuses = False

    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = ProxyHandler


class ProxyHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        path = "/" + self.path.split("/", 3)[3]
        there = http.client.HTTPConnection(self.server.target)
        sent = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        there.request(self.command, path, body=sent, headers=dict(self.headers))
        answer = there.getresponse()
        body = answer.read()
        there.close()
        self.send_response(answer.status)
        for name in ("Content-Type", "Location"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PATCH = do_DELETE = do_GET  # noqa: N815 (names of http.server)

    def do_CONNECT(self):
        self.server.seen.append((self.path, dict(self.headers)))
        if self.server.refuses:
            self.send_error(403)
            return
        self.send_response(200)
        self.end_headers()
        host, port = self.server.target.split(":")
        with socket.create_connection((host, int(port))) as there:
            ends = {self.connection: there, there: self.connection}
            while True:
                for ready in select.select(list(ends), [], [])[0]:
                    data = ready.recv(65536)
                    if not data:
                        return
                    ends[ready].sendall(data)

    def log_message(self, *_):
        pass


def certificate(name, folder):
    """A self-signed certificate for a name; returns the files of certificate and key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    files = folder / "cert.pem", folder / "key.pem"
    files[0].write_bytes(signed.public_bytes(pem))
    files[1].write_bytes(secret)
    return files


def over_https(server, files):
    """Let a server speak https with the files of a certificate for `localhost`."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.url = f"https://localhost:{server.server_port}"
    return server
