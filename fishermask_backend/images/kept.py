"""How a task's image address is kept: whole, or very long ones by their digest.

Images of megabytes stand in tasks as `data:` addresses. Rows of tasks are loaded by the thousand for
other things than their images, so such an address is asked of Label Studio again when it is wanted.
"""

import hashlib
import re

from fishermask_backend.images.urls import LONGEST_URL, own_path, storage_uri

_DIGEST = re.compile(r"sha256:[0-9a-f]{64} of .{0,60}…", re.DOTALL)


def kept(address: str) -> str:
    """Return an address as it is kept: itself, or for one over 8,000 characters its digest."""
    if len(address) <= LONGEST_URL:
        return address
    digest = hashlib.sha256(address.encode(errors="surrogatepass")).hexdigest()
    return f"sha256:{digest} of {address[:60].partition(',')[0]}…"


def is_digest(text: str) -> bool:
    """Say whether an address was kept by its digest."""
    return _DIGEST.fullmatch(text) is not None


def same_image(one: str, other: str) -> bool:
    """Say whether two addresses, kept or whole, mean the same file.

    Label Studio writes its own name and path into those of its files, and may change both.
    """
    return one == other or _meaning(one) == _meaning(other)


def _meaning(address: str) -> str:
    return storage_uri(address) or own_path(address) or kept(address)
