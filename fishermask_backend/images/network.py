"""Connections to checked addresses or through a proxy, each operation within a time limit."""

import logging
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import httpcore
import httpx

from fishermask_backend.images.addresses import AddressGuard
from fishermask_backend.images.urls import host_and_port
from fishermask_backend.machine.certificates import tls_context

# httpcore's debug lines carry the addresses of redirects, and with them storages' signatures.
logging.getLogger("httpcore").setLevel(logging.INFO)

# httpcore limits single reads, which a server that sends a byte a second passes every time.
_deadline: ContextVar[float] = ContextVar("deadline")


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End every network operation of this thread after so many seconds, wall clock."""
    token = _deadline.set(time.monotonic() + seconds)
    try:
        yield
    finally:
        _deadline.reset(token)


def time_left() -> float:
    """Seconds left inside `time_limit`.

    Raises:
        httpcore.TimeoutException: None are left.
    """
    left = _deadline.get() - time.monotonic()
    if left <= 0:
        raise httpcore.ReadTimeout
    return left


class Connections:
    """Connection pools: one to servers directly, one for each proxy of the environment.

    Proxies come from HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY. A proxy resolves names itself:
    behind one, only hosts that the guard knows by name are let through.

    Args:
        guard: Which hosts may be connected to.

    Raises:
        ValueError: A proxy's address is not http or https.
        CertificatesUnusable: The environment names a company's authority that cannot be read.
    """

    def __init__(self, guard: AddressGuard) -> None:
        self._guard = guard
        self._tls = tls_context()
        self._direct = httpcore.ConnectionPool(
            ssl_context=self._tls,
            max_connections=None,
            keepalive_expiry=30,
            network_backend=_Network(
                lambda host, port: guard.addresses(host, port, timeout=time_left())
            ),
        )
        proxies = urllib.request.getproxies()
        self._proxied = {
            scheme: self._through(proxies.get(scheme) or proxies["all"])
            for scheme in ("http", "https")
            if proxies.get(scheme) or proxies.get("all")
        }

    def _through(self, address: str) -> httpcore.HTTPProxy:
        proxy = httpx.Proxy(address if "://" in address else f"http://{address}")
        if proxy.url.scheme not in ("http", "https"):
            raise ValueError(
                f"images cannot be fetched through a {proxy.url.scheme} proxy: set HTTP_PROXY and "
                "HTTPS_PROXY to an http:// address, or list the hosts in NO_PROXY"
            )
        return httpcore.HTTPProxy(
            proxy_url=for_httpcore(proxy.url),
            proxy_auth=proxy.raw_auth,
            ssl_context=self._tls,
            max_connections=None,
            keepalive_expiry=30,
            network_backend=_Network(lambda host, _port: [host]),
        )

    def to(self, url: httpx.URL) -> httpcore.ConnectionPool:
        """Return the pool for a URL.

        Raises:
            ImageUnavailable: A proxy would resolve its host, which is not listed.
        """
        proxied = self._proxied.get(url.scheme)
        if proxied is None or urllib.request.proxy_bypass(url.netloc.decode("ascii")):
            return self._direct
        self._guard.check_name(*host_and_port(url))
        return proxied

    def close(self) -> None:
        """Close all connections."""
        for pool in (self._direct, *self._proxied.values()):
            pool.close()


def for_httpcore(url: httpx.URL) -> httpcore.URL:
    """Return the same URL for httpcore, which takes it in parts."""
    return httpcore.URL(
        scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path
    )


class _Network(httpcore.NetworkBackend):
    """Connects to the addresses that a function gives for a host, never to its name again."""

    def __init__(self, addresses: Callable[[str, int], list[str]]) -> None:
        self._addresses = addresses
        self._tcp = httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, *_args: Any, **_options: Any
    ) -> httpcore.NetworkStream:
        try:
            addresses = self._addresses(host, port)
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from None
        failure: Exception = httpcore.ConnectError(f"{host} has no address")
        for i, address in enumerate(addresses):
            share = time_left() / (len(addresses) - i)  # one dead address must not use up all
            try:
                return _Stream(self._tcp.connect_tcp(address, port, timeout=share))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure


class _Stream(httpcore.NetworkStream):
    """A connection that serves many fetches, each within its own deadline."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, time_left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, time_left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: Any, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        return _Stream(self._stream.start_tls(ssl_context, server_hostname, time_left()))

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)
