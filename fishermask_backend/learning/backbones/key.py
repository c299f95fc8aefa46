"""Names of backbones that are safe in names of files."""

import hashlib
import re

LONGEST = 100  # characters; a file's name may have 255, and the database keeps 200 of a key


def backbone_key(name: str, *details: str) -> str:
    """Return the identity of a backbone: equal for equal names and details, safe in a file's name.

    Args:
        name: What the user calls it.
        details: What else makes its rows or its weights other ones; of a–z, 0–9 and `_`.
    """
    return "-".join([file_safe(name), *details])


def file_safe(name: str) -> str:
    """Return a name with `.` and two hex digits for each byte that is not a–z, 0–9 or `_`.

    Different names have different ones, on disks that take capitals for small letters too. One too
    long for a file's name ends in its digest.
    """
    safe = re.sub("[^a-z0-9_]", _escaped, name)
    if len(safe) <= LONGEST:
        return safe
    return f"{safe[:LONGEST]}..{hashlib.sha256(name.encode()).hexdigest()[:32]}"


def _escaped(character: re.Match[str]) -> str:
    return "".join(f".{byte:02x}" for byte in character[0].encode())
