"""Whose certificates are trusted, in a real handshake."""

import shutil
import socket
import ssl
import subprocess
import threading

import pytest

from fishermask_backend.machine.certificates import VARIABLES, CertificatesUnusable, tls_context
from tests.company import certificate


@pytest.fixture(autouse=True)
def no_variables(monkeypatch):
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def accepted(files, host="localhost"):
    """Shake hands with a server that has this certificate: was it believed?"""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*files)
    ours, theirs = socket.socketpair()

    def serve():
        try:
            context.wrap_socket(theirs, server_side=True).close()
        except OSError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        with tls_context().wrap_socket(ours, server_hostname=host):
            return True
    except ssl.SSLCertVerificationError:
        ours.close()
        return False
    finally:
        thread.join()


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_file_that_the_environment_names(variable, tmp_path, monkeypatch):
    files = certificate("localhost", tmp_path)
    assert not accepted(files)
    monkeypatch.setenv(variable, str(files[0]))
    assert accepted(files)
    assert not accepted(files, host="elsewhere.example")


def test_a_folder_that_the_environment_names(tmp_path, monkeypatch):
    files = certificate("localhost", tmp_path)
    folder = tmp_path / "authorities"
    folder.mkdir()
    shutil.copy(files[0], folder)
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs openssl, which names the folder's files by their hashes")
    subprocess.run([openssl, "rehash", folder], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_DIR", str(folder))
    assert accepted(files)


def test_another_authority_s_certificate_is_refused(tmp_path, monkeypatch):
    (tmp_path / "other").mkdir()
    files = certificate("localhost", tmp_path)
    other = certificate("localhost", tmp_path / "other")
    monkeypatch.setenv("SSL_CERT_FILE", str(other[0]))
    assert not accepted(files)


@pytest.mark.parametrize("variable", VARIABLES)
def test_what_is_no_certificate_is_named(variable, tmp_path, monkeypatch):
    (tmp_path / "nothing").write_text("x")
    monkeypatch.setenv(variable, str(tmp_path / "nothing"))
    with pytest.raises(
        CertificatesUnusable, match=rf"{variable}={tmp_path}/nothing cannot be read"
    ):
        tls_context()


def test_files_are_read_once(tmp_path, monkeypatch):
    files = certificate("localhost", tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
    first = tls_context()
    files[0].unlink()
    assert tls_context() is first
