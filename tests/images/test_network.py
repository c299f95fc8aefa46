"""Proxies and certificates of a company, with a real proxy and a real certificate authority."""

import datetime
import http.client
import http.server
import select
import socket
import ssl
import threading

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images import ImageLoader, ImageUnreachable
from tests.images.image_server import Server, png

OK = (200, {}, png())


class Proxy(Server):
    """Forwards plain requests and tunnels others, to `target`, whatever their host's name is."""

    target = None

    def __init__(self):
        super().__init__()
        self.RequestHandlerClass = ProxyHandler


class ProxyHandler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.seen.append((self.path, dict(self.headers)))
        path = "/" + self.path.split("/", 3)[3]
        there = http.client.HTTPConnection(self.server.target)
        there.request("GET", path)
        body = there.getresponse().read()
        there.close()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_CONNECT(self):
        self.server.seen.append((self.path, dict(self.headers)))
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


@pytest.fixture
def proxy():
    server = Proxy()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


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


@pytest.fixture
def secure(serve, tmp_path):
    """An https server for images.example, and the file of the authority that vouches for it."""
    cert, key = certificate("images.example", tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)
    server = serve({"/a.png": OK})
    names = []
    context.sni_callback = lambda _socket, name, _context: names.append(name)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.names, server.authority = names, cert
    return server


@pytest.fixture
def images_example(monkeypatch):
    """Makes images.example a name of the loopback address."""
    resolve = socket.getaddrinfo
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *a, **k: resolve("127.0.0.1" if host == "images.example" else host, *a, **k),
    )


def test_a_companys_certificates_and_the_name_they_are_for(
    secure, label_studio, loader_for, images_example, monkeypatch
):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.authority))
    loader = loader_for(label_studio, "images.example")
    url = f"https://images.example:{secure.server_port}/a.png"
    assert loader.load(url, task_id=7).any()
    assert secure.names == ["images.example"]  # although the connection goes to an address
    assert secure.seen[0][1]["Host"] == f"images.example:{secure.server_port}"


def test_an_unknown_certificate_is_refused(secure, label_studio, loader_for, images_example):
    url = f"https://images.example:{secure.server_port}/a.png"
    with pytest.raises(ImageUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        loader_for(label_studio, "images.example").load(url, task_id=7)
    assert secure.seen == []


def test_a_certificate_for_another_name_is_refused(secure, label_studio, loader_for, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.authority))
    with pytest.raises(ImageUnreachable, match="CERTIFICATE_VERIFY_FAILED"):
        loader_for(label_studio, "localhost").load(
            f"https://localhost:{secure.server_port}/a.png", task_id=7
        )


def test_a_proxy_is_used_for_listed_hosts_only(serve, proxy, label_studio, loader_for, monkeypatch):
    proxy.target = serve({"/a.png": OK}).address
    monkeypatch.setenv("http_proxy", proxy.url)
    monkeypatch.setenv("no_proxy", label_studio.address)
    loader = loader_for(label_studio, "images.example")
    assert loader.load("http://images.example/a.png", task_id=7).any()
    assert proxy.paths() == ["http://images.example/a.png"]

    with pytest.raises(ImageUnavailable, match=r"HTTP proxy.*add other\.example"):
        loader.load("http://other.example/a.png", task_id=7)
    assert len(proxy.seen) == 1

    assert loader.load("/data/upload/1/a.png", task_id=7).any()  # NO_PROXY
    assert len(proxy.seen) == 1


def test_https_goes_through_a_proxys_tunnel(secure, proxy, label_studio, loader_for, monkeypatch):
    proxy.target = secure.address
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.authority))
    monkeypatch.setenv("https_proxy", proxy.url.replace("http://", "http://user:p%40ss@"))
    assert (
        loader_for(label_studio, "images.example")
        .load("https://images.example/a.png", task_id=7)
        .any()
    )
    assert proxy.paths() == ["images.example:443"]
    assert proxy.seen[0][1]["Proxy-Authorization"] == "Basic dXNlcjpwQHNz"
    assert secure.names == ["images.example"]


@pytest.mark.timeout(20)
def test_a_proxy_that_is_silent_is_left(label_studio, loader_for, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{silent.getsockname()[1]}")
        loader = loader_for(label_studio, "images.example", timeout=0.2)
        with pytest.raises(ImageUnreachable, match="IMAGE_TIMEOUT"):
            loader.load("https://images.example/a.png", task_id=7)


def test_a_kind_of_proxy_that_is_not_supported_stops_the_start(label_studio, monkeypatch):
    monkeypatch.setenv("all_proxy", "socks5://user:very-secret@127.0.0.1:1080")
    with pytest.raises(ValueError, match="through a socks5 proxy") as refused:
        ImageLoader(label_studio_url=label_studio.url, authorization=dict, image_size=8)
    assert "very-secret" not in str(refused.value)
