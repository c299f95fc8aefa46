"""Whose certificates are trusted: those that the environment names, else the public authorities'."""

import os
import ssl
import urllib.request
from functools import lru_cache
from pathlib import Path

import httpx

from fishermask_backend.errors import FisherMaskError

# OpenSSL's own names, and the one of the requests library, which many machines have set.
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


class CertificatesUnusable(FisherMaskError):
    """An environment variable names no certificates; the text says which."""


def tls_context() -> ssl.SSLContext:
    """Return what checks the certificates of servers, for Label Studio and image hosts alike.

    Files are read once: others in their place count from the next start.

    Raises:
        CertificatesUnusable: One of the variables names something else.
    """
    return _context(tuple((name, os.environ[name]) for name in VARIABLES if os.environ.get(name)))


def trust_by_urllib() -> None:
    """Let urllib, which would trust other authorities than all the rest does, trust the same.

    Raises:
        CertificatesUnusable: One of the variables names something else.
    """
    handler = urllib.request.HTTPSHandler(context=tls_context())
    urllib.request.install_opener(urllib.request.build_opener(handler))


# Reading the authorities takes a tenth of a second, more than all else that a look computes.
@lru_cache(maxsize=1)
def _context(given: tuple[tuple[str, str], ...]) -> ssl.SSLContext:
    if not given:
        return httpx.create_ssl_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name, value in given:
        path = Path(value)
        try:
            if path.is_dir():
                context.load_verify_locations(capath=path)
            else:
                context.load_verify_locations(cafile=path)
        except OSError as error:  # ssl's own errors are among these
            raise CertificatesUnusable(
                f"{name}={path} cannot be read as certificates, a PEM file ({error})."
            ) from error
    return context
