"""Label Studio behind a company's proxy and under a company's certificate."""

import json
from contextlib import ExitStack

import pytest

from fishermask_backend.errors import LabelStudioError
from fishermask_backend.machine.certificates import VARIABLES, CertificatesUnusable
from fishermask_backend.studio import Studio
from tests.company import certificate, over_https
from tests.images.image_server import Server, serving

KEY = "0123456789abcdef0123456789abcdef01234567"
PROJECT = {
    "id": 7,
    "title": "Animals",
    "created_at": "2026-11-24T12:00:00Z",
    "sampling": "Sequential sampling",
}
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture(autouse=True)
def no_company(monkeypatch):
    """Nothing of the machine's own environment."""
    for name in (*VARIABLES, *PROXIES, *map(str.upper, PROXIES)):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def label_studio():
    """Starts a Label Studio that has project 7; over https for `localhost` with a certificate."""
    with ExitStack() as stack:

        def start(files=None):
            server = Server()
            body = json.dumps(PROJECT).encode()
            server.routes["/api/projects/7/"] = (200, {"Content-Type": "application/json"}, body)
            server.url = f"http://localhost:{server.server_port}"
            return stack.enter_context(serving(over_https(server, files) if files else server))

        yield start


@pytest.fixture
def authorities(tmp_path):
    """Makes certificates, each its own authority."""

    def make(folder, host="localhost"):
        (tmp_path / folder).mkdir()
        return certificate(host, tmp_path / folder)

    return make


def title(url):
    with Studio(url, KEY) as studio:
        return studio.project(7).title


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_companys_authority_is_trusted(label_studio, authorities, monkeypatch, variable):
    files = authorities("company")
    server = label_studio(files)
    monkeypatch.setenv(variable, str(files[0]))
    assert title(server.url) == "Animals"
    assert server.keys_seen() == [f"Token {KEY}"]


@pytest.mark.parametrize("order", [1, -1])
def test_both_files_count(label_studio, authorities, monkeypatch, order):
    files = authorities("company")
    given = [files[0], authorities("cloud", "cloud.example")[0]][::order]
    monkeypatch.setenv("SSL_CERT_FILE", str(given[0]))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(given[1]))
    assert title(label_studio(files).url) == "Animals"


def test_another_authority_is_not_trusted_and_gets_no_key(label_studio, authorities, monkeypatch):
    server = label_studio(authorities("company"))
    for other in (None, authorities("other")[0]):
        if other:
            monkeypatch.setenv("SSL_CERT_FILE", str(other))
        with pytest.raises(LabelStudioError, match=r"CERTIFICATE_VERIFY_FAILED.*SSL_CERT_FILE"):
            title(server.url)
    assert server.seen == []


@pytest.mark.parametrize("variable", VARIABLES)
@pytest.mark.parametrize("content", [None, "no certificate"])
def test_file_without_certificates_is_named(tmp_path, monkeypatch, variable, content):
    path = tmp_path / "authority.pem"
    if content:
        path.write_text(content)
    monkeypatch.setenv(variable, str(path))
    with pytest.raises(CertificatesUnusable, match=f"{variable}=.*authority.pem"):
        Studio("https://localhost", KEY)


def test_https_goes_through_the_proxys_tunnel(label_studio, authorities, proxy, monkeypatch):
    files = authorities("company")
    server = label_studio(files)
    proxy.target = server.address
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    monkeypatch.setenv("HTTPS_PROXY", proxy.url.replace("http://", "http://user:p%40ss@"))
    assert title("https://localhost:8443") == "Animals"
    assert proxy.paths() == ["localhost:8443"]
    assert proxy.seen[0][1]["Proxy-Authorization"] == "Basic dXNlcjpwQHNz"
    assert "Authorization" not in proxy.seen[0][1]  # the key is inside the tunnel
    assert server.keys_seen() == [f"Token {KEY}"]


def test_http_goes_through_the_proxy_unless_no_proxy_lists_its_host(
    label_studio, proxy, monkeypatch
):
    server = label_studio()
    proxy.target = server.address
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    assert title("http://label-studio.example") == "Animals"
    assert proxy.paths() == ["http://label-studio.example/api/projects/7/"]
    monkeypatch.setenv("NO_PROXY", "localhost")
    assert title(server.url) == "Animals"
    assert len(proxy.seen) == 1


def test_proxy_that_refuses_is_told_apart_from_label_studio(proxy, monkeypatch):
    proxy.refuses = True
    monkeypatch.setenv("HTTPS_PROXY", proxy.url)
    with pytest.raises(LabelStudioError, match=r"403.*NO_PROXY"):
        title("https://label-studio.example")


@pytest.mark.parametrize("scheme", ["socks5", "ftp"])
def test_kind_of_proxy_that_is_not_supported_is_told(monkeypatch, scheme):
    monkeypatch.setenv("ALL_PROXY", f"{scheme}://user:very-secret@127.0.0.1:1080")
    with pytest.raises(LabelStudioError, match="HTTP_PROXY, HTTPS_PROXY and ALL_PROXY") as told:
        Studio("https://label-studio.example", KEY)
    assert "very-secret" not in str(told.value)
