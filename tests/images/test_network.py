"""Proxies and certificates of a company, with a real proxy and a real certificate authority."""

import socket
import ssl

import pytest

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images import ImageLoader, ImageUnreachable
from tests.company import certificate
from tests.images.image_server import png

OK = (200, {}, png())


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


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_companys_certificates_and_the_name_they_are_for(
    secure, label_studio, loader_for, images_example, monkeypatch, variable
):
    monkeypatch.setenv(variable, str(secure.authority))
    loader = loader_for(label_studio, "images.example")
    url = f"https://images.example:{secure.server_port}/a.png"
    assert loader.load(url, task_id=7).pixels.any()
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
    assert loader.load("http://images.example/a.png", task_id=7).pixels.any()
    assert proxy.paths() == ["http://images.example/a.png"]

    with pytest.raises(ImageUnavailable, match=r"HTTP proxy.*add other\.example"):
        loader.load("http://other.example/a.png", task_id=7)
    assert len(proxy.seen) == 1

    assert loader.load("/data/upload/1/a.png", task_id=7).pixels.any()  # NO_PROXY
    assert len(proxy.seen) == 1


def test_https_goes_through_a_proxys_tunnel(secure, proxy, label_studio, loader_for, monkeypatch):
    proxy.target = secure.address
    monkeypatch.setenv("SSL_CERT_FILE", str(secure.authority))
    monkeypatch.setenv("https_proxy", proxy.url.replace("http://", "http://user:p%40ss@"))
    assert (
        loader_for(label_studio, "images.example")
        .load("https://images.example/a.png", task_id=7)
        .pixels.any()
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
