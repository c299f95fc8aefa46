"""URL → bytes over HTTP, within bounds of time, size, redirects and addresses."""

import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext

import httpcore
import httpx

from fishermask_backend import __version__
from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images.addresses import AddressGuard
from fishermask_backend.images.network import Connections, for_httpcore, time_left, time_limit
from fishermask_backend.images.urls import origin, parse_url
from fishermask_backend.retry_after import seconds_asked

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 5
_PAUSE = 0.5  # seconds before the second attempt, where the server names none
_HEADERS = {
    "User-Agent": f"fishermask-backend/{__version__}",
    "Accept": "*/*",
    "Accept-Encoding": "identity",
}


class FetchFailed(ImageUnavailable):
    """A server did not answer with a file.

    Attributes:
        url: The address that was asked last, after redirects.
        status: The HTTP status it answered with, None if the connection failed.
        pause: Seconds until a second attempt makes sense, None if none does.
    """

    def __init__(
        self, problem: str, url: httpx.URL, *, status: int | None = None, pause: float | None
    ) -> None:
        super().__init__(f"{origin(url)} {problem}")
        self.url = url
        self.status = status
        self.pause = pause


class Downloader:
    """Fetches URLs; any number of threads may share one and its connections.

    Args:
        guard: Which hosts may be connected to.
        authorization: Headers with the API key for an address that may have it, None for others.
        with_key: Requests with the key at a time, at most; others are as many as there are threads.
        max_bytes: Largest body, bytes.
        timeout: Seconds a fetch may take, from looking up the name to the last byte, redirects and
            a second attempt included.
    """

    def __init__(
        self,
        *,
        guard: AddressGuard,
        authorization: Callable[[httpx.URL], Mapping[str, str] | None],
        with_key: int,
        max_bytes: int,
        timeout: float,
    ) -> None:
        self._connections = Connections(guard)
        self._authorization = authorization
        self._turns = threading.BoundedSemaphore(with_key)
        self._max_bytes = max_bytes
        self._timeout = timeout

    def close(self) -> None:
        """Close all connections."""
        self._connections.close()

    def fetch(self, urls: Sequence[httpx.URL]) -> bytes:
        """Fetch the first of some URLs that is there: the next is tried where one answers 404.

        Failed connections and statuses 429 and 5xx get a second attempt, after the server's
        Retry-After if there is time for it.

        Raises:
            FetchFailed: Connection failed or status not 200, at the second attempt too where one
                makes sense; too many redirects; or the time is over.
            ImageUnavailable: Address refused, or body too large.
        """
        try:
            with time_limit(self._timeout):
                try:
                    return self._first_found(urls)
                except FetchFailed as failure:
                    if failure.pause is None or failure.pause >= time_left():
                        raise
                    time.sleep(failure.pause)
                    return self._first_found(urls)
        except httpcore.TimeoutException:
            raise FetchFailed(
                f"did not send it within IMAGE_TIMEOUT={self._timeout:g} seconds",
                urls[0],
                pause=self._timeout,
            ) from None

    def _first_found(self, urls: Sequence[httpx.URL]) -> bytes:
        for url in urls[:-1]:
            try:
                return self._follow(url)
            except FetchFailed as failure:
                if failure.status != 404 or failure.url != url:
                    raise
        return self._follow(urls[-1])

    def _follow(self, url: httpx.URL) -> bytes:
        may_have_key = True  # and never again, once a redirect has led away from Label Studio
        for _ in range(_MAX_REDIRECTS + 1):
            key = self._authorization(url) if may_have_key else None
            may_have_key = key is not None
            turn = self._turn() if may_have_key else nullcontext()
            with turn, self._answer(url, key or {}) as answer:
                if answer.status in _REDIRECTS:
                    url = _redirected(url, answer)
                elif answer.status == 200:
                    return self._body(answer)
                else:
                    raise _failure(url, answer)
        raise FetchFailed(f"came after more than {_MAX_REDIRECTS} redirects", url, pause=None)

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until fewer requests with the key are under way, within the fetch's time."""
        if not self._turns.acquire(timeout=time_left()):
            raise httpcore.PoolTimeout
        try:
            yield
        finally:
            self._turns.release()

    @contextmanager
    def _answer(self, url: httpx.URL, key: Mapping[str, str]) -> Iterator[httpcore.Response]:
        headers = [(name.encode(), value.encode()) for name, value in ({**_HEADERS, **key}).items()]
        try:
            with self._connections.to(url).stream(
                "GET", for_httpcore(url), headers=[(b"Host", url.netloc), *headers]
            ) as answer:
                yield answer
        except (httpcore.NetworkError, httpcore.ProxyError) as error:
            raise FetchFailed(f"cannot be reached ({error})", url, pause=_PAUSE) from None
        except httpcore.ProtocolError:  # without its details: they may quote the headers sent
            raise FetchFailed("broke off or answered wrongly", url, pause=_PAUSE) from None

    def _body(self, answer: httpcore.Response) -> bytes:
        length = _header(answer, b"content-length")
        if length.isdecimal() and int(length) > self._max_bytes:
            raise self._too_large()
        body = bytearray()
        for chunk in answer.iter_stream():
            body += chunk
            if len(body) > self._max_bytes:
                raise self._too_large()
        return self._unpacked(bytes(body), _header(answer, b"content-encoding").lower())

    def _unpacked(self, body: bytes, encoding: str) -> bytes:
        """Undo a compression that some storages apply although none was asked for."""
        if encoding in ("", "identity"):
            return body
        if encoding not in ("gzip", "deflate"):
            raise ImageUnavailable(f"it came in an encoding that was not asked for ({encoding})")
        try:
            unpacked = zlib.decompressobj(wbits=47).decompress(body, self._max_bytes + 1)
        except zlib.error:
            raise ImageUnavailable(f"its {encoding} encoding is damaged") from None
        if len(unpacked) > self._max_bytes:
            raise self._too_large()
        return unpacked

    def _too_large(self) -> ImageUnavailable:
        return ImageUnavailable(f"it has more than MAX_IMAGE_BYTES={self._max_bytes} bytes")


def _header(answer: httpcore.Response, name: bytes) -> str:
    return next((v.decode("latin-1") for k, v in answer.headers if k.lower() == name), "").strip()


def _redirected(url: httpx.URL, answer: httpcore.Response) -> httpx.URL:
    length = _header(answer, b"content-length")
    if length.isdecimal() and int(length) <= 65536:
        answer.read()  # so that the connection can be used again
    try:
        return parse_url(str(url.join(_header(answer, b"location"))))
    except (httpx.InvalidURL, ValueError):
        raise ImageUnavailable(f"{origin(url)} redirected to no valid URL") from None
    except ImageUnavailable as error:
        raise ImageUnavailable(f"{origin(url)} redirected elsewhere: {error}") from None


def _failure(url: httpx.URL, answer: httpcore.Response) -> FetchFailed:
    pause = None
    if answer.status == 429 or answer.status >= 500:
        asked = seconds_asked(_header(answer, b"retry-after"))
        pause = _PAUSE if asked is None else asked
    return FetchFailed(f"answered {answer.status}", url, status=answer.status, pause=pause)
