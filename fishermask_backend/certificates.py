"""Whose certificates are trusted: those that the environment names, else the public authorities'."""

import os
import ssl
from pathlib import Path

import httpx

from fishermask_backend.errors import FisherMaskError

# OpenSSL's own names, and the one of the requests library, which many machines have set.
VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")


class CertificatesUnusable(FisherMaskError):
    """An environment variable names no certificates; the text says which."""


def tls_context() -> ssl.SSLContext:
    """Return what checks the certificates of servers, for Label Studio and image hosts alike.

    Raises:
        CertificatesUnusable: One of the variables names something else.
    """
    given = [name for name in VARIABLES if os.environ.get(name)]
    if not given:
        return httpx.create_ssl_context()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for name in given:
        path = Path(os.environ[name])
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
