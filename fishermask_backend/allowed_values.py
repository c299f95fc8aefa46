"""What a setting's value may be, beyond its type; what is raised completes «NAME='value': …»."""

import re
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationInfo

# Strategies of scikit-activeml, by name; and those of them that know one class an image alone.
PACKAGED = ("badge", "coreset", "typiclust", "probcover", "dropquery", "falcun")
ONE_CLASS = ("badge", "dropquery", "falcun")

_INSTEAD = {
    "label_studio_url": "LABEL_STUDIO_API_KEY is what opens Label Studio",
    "backend_url": "BASIC_AUTH_USER and BASIC_AUTH_PASS guard this backend",
}


def side(pixels: int) -> int:
    """Return the side of images."""
    if pixels != 0 and pixels < 16:
        raise ValueError("16 to 1024 pixels are expected, or 0 for the backbone's own")
    return pixels


def installed(strategy: str) -> str:
    """Return the name of a strategy whose package is installed.

    Raises:
        ValueError: It isn't; the text names the extra.
    """
    if strategy in PACKAGED and find_spec("skactiveml") is None:
        raise ValueError(
            "it is one of scikit-activeml's, which is not installed: "
            "pip install 'fishermask-backend[strategies]'"
        )
    return strategy


def device(value: str) -> str:
    """Return the name of a device that torch can select on."""
    if value.partition(":")[0] == "mps":
        raise ValueError(
            "Apple's GPUs have no float64, which the selection needs: use auto, cpu or cuda[:index]"
        )
    if not re.fullmatch(r"auto|cpu|cuda(:\d+)?", value):
        raise ValueError("auto, cpu or cuda[:index] is expected")
    return value


def without_line_end(value: Any) -> Any:
    """Leave out what stands around a text: a secret made with `echo` ends with a line break."""
    return value.strip() if isinstance(value, str) else value


def token(value: str) -> str:
    """Return a token that can be sent in a header."""
    if not re.fullmatch(r"[!-~]*", value):
        raise ValueError("a token has letters, digits and signs of ASCII alone, and no space")
    return value


def address(value: str, info: ValidationInfo) -> str:
    """Return an address of http or https, without a slash at its end; BACKEND_URL may be empty."""
    if not value and info.field_name == "backend_url":
        return value
    if "@" in value:  # whatever stands in front of it: a password may have a slash in it
        instead = _INSTEAD[str(info.field_name)]
        raise ValueError(
            f"an address has no place for a user name or password: leave it out; {instead}"
        )
    if re.search(r"[\s\x00-\x1f\x7f]", value):
        raise ValueError("an address without spaces is expected, like http://localhost:8080")
    parts = urlsplit(value)
    if parts.query or parts.fragment:
        raise ValueError("an address without a query is expected, like http://localhost:8080")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError("an address like http://localhost:8080 is expected")
    return value.rstrip("/")


def path(value: str) -> str:
    """Return the path that all is answered below; empty for none."""
    if value and not re.fullmatch(r"(/(?!\.+(/|$))[A-Za-z0-9._~-]+)+", value):
        raise ValueError(
            "a path like /s3cr3t is expected: a slash first and none last, letters, digits and ._~-"
        )
    return value
