"""Headers that a proxy in front of Label Studio asks for, as `LABEL_STUDIO_HEADERS` holds them."""

import json
import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_OURS = {
    "accept-encoding",
    "connection",
    "content-length",
    "content-type",
    "host",
    "transfer-encoding",
}


def read_headers(text: str) -> dict[str, str]:
    """Read `{"CF-Access-Client-Id": "…"}`; empty is none.

    Raises:
        ValueError: It is no such object, or a header cannot be sent; repeats no value.
    """
    if not text:
        return {}
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ValueError(  # noqa: TRY004 (pydantic takes nothing else)
            'a JSON object like {"CF-Access-Client-Id": "…"} is expected'
        )
    for name, value in found.items():
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name!r} is not a header's name")
        if name.lower() == "authorization":
            raise ValueError(
                "Authorization carries Label Studio's own key: the proxy has to take another header"
            )
        if name.lower() in _OURS:
            raise ValueError(f"{name} is set by each request itself")
        if not isinstance(value, str) or not _VALUE.fullmatch(value):
            raise ValueError(f"the value of {name} is not a text that a header can carry")
    return found
