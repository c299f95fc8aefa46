"""The image a task names → pixels, safely."""

import base64
import re
import urllib.parse
from collections.abc import Callable, Mapping, Sequence

import httpx

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images.addresses import AddressGuard
from fishermask_backend.images.decoding import PageInstead, Picture, decode
from fishermask_backend.images.download import Downloader, FetchFailed
from fishermask_backend.images.urls import (
    CLOUD,
    LONGEST_URL,
    LabelStudioFiles,
    host_and_port,
    own_path,
    parse_url,
    storage_uri,
    without_secrets,
)

_SPACE = re.compile(r"[\t\n\f\r ]+")
_LOOPBACK = ("localhost", "127.0.0.1", "0.0.0.0", "::1")


class ImageUnreachable(ImageUnavailable):
    """No image came from where it should be; the server, a key or a name may be mended.

    All else that makes an image unavailable lies in its address or file: it is broken, and stays so.
    """


class ImageLoader:
    """Loads tasks' images; any number of threads may share one.

    http and https URLs are fetched without credentials. Label Studio's own files (`/data/…`,
    `/tasks/<id>/resolve/…`, or with its address in front; where only Label Studio has such a path, with
    any address) are fetched from it with the API key.
    Objects of cloud storages (s3, gs, azure-blob) are asked of Label Studio, which either sends
    them or redirects to a presigned address elsewhere; the key stays behind. `data:` URLs are
    decoded. Addresses that are not public are refused as `AddressGuard` says.

    Behind an HTTP(S) proxy the proxy resolves names, so an address cannot be checked here: there
    only Label Studio's own host and those in `allowed_hosts` are fetched.

    Args:
        label_studio_url: Label Studio's address as this backend reaches it.
        authorization: Gives the headers that carry the API key; called for each request to Label
            Studio, and its errors pass through `load`.
        own_at_a_time: Files fetched from Label Studio at a time, whatever number of threads load.
        image_size: S, the side of the square that images are resized to, pixels.
        interpolation: How, `bicubic` or `bilinear`.
        allowed_hosts: Hosts, `host:port`, `*.domain` or networks that images may come from
            although their addresses are private.
        max_bytes: Largest image file, bytes.
        max_pixels: Largest width × height.
        timeout: Seconds for a whole download.

    Raises:
        ValueError: An entry of `allowed_hosts` is no host.
    """

    def __init__(
        self,
        *,
        label_studio_url: str,
        authorization: Callable[[], Mapping[str, str]],
        own_at_a_time: int = 2,
        image_size: int,
        interpolation: str = "bicubic",
        allowed_hosts: Sequence[str] = (),
        max_bytes: int = 50 * 2**20,
        max_pixels: float = 100e6,
        timeout: float = 20.0,
    ) -> None:
        self._size, self._interpolation = image_size, interpolation
        self._max_bytes = max_bytes
        self._max_pixels = max_pixels
        self._files = LabelStudioFiles(label_studio_url)
        self._guard = AddressGuard((self._files.host, self._files.port), allowed_hosts)
        self._downloader = Downloader(
            guard=self._guard,
            authorization=lambda url: authorization() if self._files.holds(url) else None,
            with_key=own_at_a_time,
            max_bytes=max_bytes,
            timeout=timeout,
        )

    def load(self, url: str, *, task_id: int) -> Picture:
        """Fetch and decode the image of a task.

        Args:
            url: What the task's data holds for its image.
            task_id: Named in errors, and needed to ask Label Studio for cloud storage.

        Raises:
            ImageUnavailable: With a sentence that names the task, the URL without its secrets, and
                what to do; an `ImageUnreachable` if it may be had later.
        """
        try:
            return decode(
                self._bytes(url.strip(), task_id),
                self._size,
                max_pixels=self._max_pixels,
                interpolation=self._interpolation,
            )
        except ImageUnavailable as error:
            name = f"Task {task_id}, image {without_secrets(url.strip())}".rstrip()
            advice = self._advice(error, url.strip()) if isinstance(error, FetchFailed) else ""
            fetched = not _is_inline(url.strip())
            later = isinstance(error, FetchFailed) or (isinstance(error, PageInstead) and fetched)
            kind = ImageUnreachable if later else ImageUnavailable
            raise kind(f"{name}: {error}{advice}.") from None

    def close(self) -> None:
        """Close all connections."""
        self._downloader.close()

    def _bytes(self, url: str, task_id: int) -> bytes:
        if _is_inline(url):
            return self._inline(url)
        if len(url) > LONGEST_URL:
            raise ImageUnavailable(f"the address has more than {LONGEST_URL} characters")
        if url.startswith(CLOUD):
            return self._downloader.fetch(self._files.resolving(url, task_id))
        urls = [self._address(url)]
        uri = storage_uri(url)
        if uri is not None:  # of a task that has moved, its own number opens the storage
            urls += [link for link in self._files.resolving(uri, task_id) if link not in urls]
        return self._downloader.fetch(urls)

    def _address(self, url: str) -> httpx.URL:
        if url.startswith("/") and not url.startswith("//"):
            own = self._files.at(url)
            if own is None:
                raise ImageUnavailable(
                    "this path is not a file of Label Studio's (/data/… without ..); write a full "
                    "address, or import the image into Label Studio"
                )
            return own
        if not url:
            raise ImageUnavailable(
                "the field that the labelling config's <Image> names is missing or empty"
            )
        if not re.match(r"[A-Za-z][A-Za-z0-9+.-]*:", url):
            raise ImageUnavailable(
                "this is not an address; write http:// or https:// in front, or import the image "
                "into Label Studio"
            )
        absolute = parse_url(url)
        return self._as_seen_from_here(absolute) or absolute

    def _as_seen_from_here(self, url: httpx.URL) -> httpx.URL | None:
        """Label Studio's file under another name of Label Studio's, None for others' files.

        `LABEL_STUDIO_HOST` puts a name into tasks that may not lead there from here: only a browser
        needs it. `http://localhost:8080` would in a container be the backend itself.
        """
        host, port = host_and_port(url)
        path = url.raw_path.decode("ascii")
        if own_path(path) is not None:
            return self._files.at(path)
        if host not in _LOOPBACK or self._guard.lists(host, port):
            return None
        return self._files.at(path)

    def _inline(self, url: str) -> bytes:
        """Return the image in a data: address, as browsers do: without padding, with line breaks."""
        head, comma, payload = url.partition(",")
        if not comma or not re.search(r";\s*base64\s*$", head, re.IGNORECASE):
            raise ImageUnavailable("a data: address needs «;base64,» and the image behind it")
        if "%" in payload:
            payload = urllib.parse.unquote(payload)
        payload = _SPACE.sub("", payload).rstrip("=")
        if len(payload) * 3 // 4 > self._max_bytes:
            raise ImageUnavailable(f"it has more than MAX_IMAGE_BYTES={self._max_bytes} bytes")
        try:
            return base64.b64decode(payload + "=" * (-len(payload) % 4), validate=True)
        except ValueError:
            raise ImageUnavailable("its base64 is damaged") from None

    def _advice(self, failure: FetchFailed, url: str) -> str:
        status, path = failure.status or 0, failure.url.path
        own = self._files.holds(failure.url)
        in_storage = url.startswith(CLOUD) or storage_uri(url) is not None
        if in_storage and (status == 424 if own else 400 <= status < 500):
            return _BUCKET
        if not own:
            return _OUTSIDE.get(status, "")
        if status == 404 and path.endswith(("/resolve/", "/presign/")):
            return "; connect the bucket to the project as a cloud storage"
        if status == 403 and "/data/local-files" in path:
            return "; set LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED=true there"
        if status == 500 and "/data/upload/" in path:
            return "; it does so for uploads that were deleted"
        return _LABEL_STUDIO.get(status, "")


def _is_inline(url: str) -> bool:
    return url[:5].lower() == "data:"


_BUCKET = (
    "; the object is gone, or the credentials of the storage in Label Studio's project settings "
    "may not read it"
)
_NO_KEY = (
    "; the API key goes to LABEL_STUDIO_URL only: make the image public, or connect its storage "
    "to Label Studio"
)
_OUTSIDE = {401: _NO_KEY, 403: _NO_KEY, 404: "; the image is gone", 410: "; the image is gone"}
_LABEL_STUDIO = {
    401: "; LABEL_STUDIO_API_KEY is missing or no longer valid",
    403: "; the key's user may not see this project",
    404: "; the file is gone, or no storage of the project holds it",
}
