"""What a task's URL means: whose it is, where it is fetched, and how it is named in messages."""

import base64
import re
import urllib.parse

import httpx

from fishermask_backend.errors import ImageUnavailable

LONGEST_URL = 8000
CLOUD = ("s3://", "gs://", "azure-blob://")

_OWN_FILES = re.compile(r"/(data|storage-data|static|(tasks|projects)/\d+/(resolve|presign))/")
_PREFIX = r"(?:/[^/?]+)*?"  # below which Label Studio may lie, or have lain
_FOLDERS = (
    r"data/(?:upload|local-files)|storage-data/uploaded|(?:tasks|projects)/\d+/(?:resolve|presign)"
)
_BELOW_A_PREFIX = re.compile(rf"{_PREFIX}(?P<own>/(?:{_FOLDERS})[/?].+)", re.DOTALL)
# Label Studio puts eight hex digits in front of an upload's name.
_UNMISTAKABLE = re.compile(
    rf"{_PREFIX}(?P<own>/(?:"
    r"data/upload/(?:\d+/)?[0-9a-f]{8}-[^/?]+"
    r"|data/local-files/?\?d=.+"
    r"|storage-data/uploaded/?\?filepath=.+"
    r"|(?:tasks|projects)/\d+/(?:resolve|presign)/?\?fileuri=.+"
    r"))",
    re.DOTALL,
)


class LabelStudioFiles:
    """Which URLs are files of Label Studio's own: these, and nothing else, get the API key.

    Args:
        address: Where this backend reaches Label Studio; may have a path.
    """

    def __init__(self, address: str) -> None:
        self._base = httpx.URL(address.rstrip("/"))
        self._prefix = self._base.path.rstrip("/")
        self.host, self.port = host_and_port(self._base)

    def holds(self, url: httpx.URL) -> bool:
        """Whether a URL is one of Label Studio's files, at its configured scheme, host and port."""
        return (
            origin(url) == origin(self._base)
            and url.path.startswith(self._prefix + "/")
            and _OWN_FILES.match(url.path.removeprefix(self._prefix)) is not None
            and not _climbs(url)
        )

    def at(self, path: str) -> httpx.URL | None:
        """Return the URL of a path (with its query) as tasks write it, None if it is no file's path.

        It may begin with a path that Label Studio lay below when the task was made.
        """
        found = _BELOW_A_PREFIX.fullmatch(path)
        if found is not None:
            path = found["own"]
        elif path.startswith(self._prefix + "/"):
            path = path[len(self._prefix) :]
        try:
            url = self._below(path)
        except (httpx.InvalidURL, ValueError):
            return None
        return url if self.holds(url) else None

    def resolving(self, uri: str, task_id: int) -> list[httpx.URL]:
        """Where Label Studio serves a cloud storage's object: the path of today, that of before."""
        encoded = base64.urlsafe_b64encode(uri.encode(errors="replace")).decode()
        return [
            self._below(f"/tasks/{task_id}/{verb}/?fileuri={encoded}")
            for verb in ("resolve", "presign")
        ]

    def _below(self, path: str) -> httpx.URL:
        return httpx.URL(f"{origin(self._base)}{self._prefix}{path}")


def own_path(address: str) -> str | None:
    """Return path and query of what only Label Studio serves, whichever host is named; else None.

    It writes its own idea of its name (`LABEL_STUDIO_HOST`) into synced tasks: uploads, local files
    and links to storages are known by their paths, without any prefix of a proxy's.
    """
    path = re.sub(r"^https?://[^/?#]*", "", address, flags=re.IGNORECASE)
    found = _UNMISTAKABLE.fullmatch(path) if path.startswith("/") else None
    return None if found is None else found["own"]


def storage_uri(address: str) -> str | None:
    """Return the `s3://…` that an address of Label Studio's leads to; None if it is no such link."""
    path, _, query = (own_path(address) or "").partition("?")
    if not path.rstrip("/").endswith(("/resolve", "/presign")):
        return None
    encoded = urllib.parse.parse_qs(query).get("fileuri", [""])[0]
    try:
        uri = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).decode()
    except ValueError:
        return None
    return uri if uri.startswith(CLOUD) else None


def _climbs(url: httpx.URL) -> bool:
    """Whether a path, or a local file's name in the query, tries to leave its folder."""
    return ".." in re.split(r"[/\\=&?]", urllib.parse.unquote(url.raw_path.decode("ascii")))


def parse_url(text: str) -> httpx.URL:
    """Read an absolute http or https URL.

    Raises:
        ImageUnavailable: It is none, or carries a user name (browsers don't send these for images
            either, and a password has no place in a task).
    """
    try:
        url = httpx.URL(text)
    except (httpx.InvalidURL, ValueError):
        raise ImageUnavailable("this is not a valid URL; correct it in the task") from None
    if not 0 < (url.port or 80) < 65536:
        raise ImageUnavailable(f"there is no port {url.port}; correct the address in the task")
    if url.scheme not in ("http", "https") or not url.host:
        raise ImageUnavailable(
            f"{url.scheme}: addresses are not fetched; use http, https, one of Label Studio's own "
            "files, s3, gs or azure-blob"
        )
    if url.userinfo:
        raise ImageUnavailable(
            "the address carries a user name or password, which is not sent; connect the storage "
            "to Label Studio instead"
        )
    return url


def origin(url: httpx.URL) -> str:
    """Scheme, host and port (a default one left out) of a URL: the part that is no secret."""
    return f"{url.scheme}://{url.netloc.decode('ascii')}"


def host_and_port(url: httpx.URL) -> tuple[str, int]:
    """Host in lower case (internationalised names in ASCII), and the port, default or not."""
    return url.raw_host.decode("ascii"), url.port or (443 if url.scheme == "https" else 80)


def without_secrets(url: str) -> str:
    """Return a URL fit for logs: without user, fragment and query (but for a local file's name)."""
    if url[:5].lower() == "data:":
        return url.partition(",")[0][:60] + ",…"
    text = "".join(c if c.isprintable() else "�" for c in url)
    text, _, query = text.partition("#")[0].partition("?")
    if "@" in text and "://" in text:
        text = _without_user(text)
    if query:
        is_name = query.startswith("d=") and "&" not in query and "/data/local-files" in text
        text += f"?{query}" if is_name else "?…"
    return text if len(text) <= 200 else f"{text[:120]}…{text[-79:]}"


def _without_user(url: str) -> str:
    scheme, _, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    if "@" not in host and ":" in host and not host.rpartition(":")[2].isdecimal():
        return f"{scheme}://…"  # a password with a slash in it
    return f"{scheme}://{host.rpartition('@')[2]}{slash}{path}"
