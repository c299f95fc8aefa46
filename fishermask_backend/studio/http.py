"""The way to Label Studio: proxies, certificates, and what it means when nothing answers."""

from collections.abc import Mapping

import httpx

from fishermask_backend.errors import LabelStudioError
from fishermask_backend.machine.certificates import tls_context


def http_client(timeout: float, headers: Mapping[str, str]) -> httpx.Client:
    """Return a client that follows no redirects, through the environment's proxy if it names one.

    Args:
        timeout: Seconds a call may take.
        headers: What a proxy in front of Label Studio asks for; sent with every call.

    Raises:
        LabelStudioError: The proxy's address is none.
        CertificatesUnusable: The environment names a company's authority that cannot be read.
    """
    try:
        return httpx.Client(
            timeout=timeout, follow_redirects=False, verify=tls_context(), headers=headers
        )
    except (ValueError, ImportError):  # without the address: it may hold a password
        raise LabelStudioError(
            "Label Studio cannot be reached through the environment's proxy: HTTP_PROXY, HTTPS_PROXY "
            "and ALL_PROXY take an address like http://proxy:3128, NO_PROXY lists hosts without one."
        ) from None


def unanswered(error: httpx.HTTPError) -> str:
    """Say that Label Studio did not answer, and what to do."""
    text = str(error) or type(error).__name__
    advice = "Does it run, and is LABEL_STUDIO_URL its address as seen from here?"
    if "CERTIFICATE_VERIFY_FAILED" in text:
        advice = "SSL_CERT_FILE names the file of authorities that are trusted; is yours in it?"
    elif isinstance(error, httpx.ProxyError):
        advice = "That is what the proxy said: NO_PROXY lists hosts to reach without one."
    return f"Label Studio did not answer ({text}). {advice}"
