"""Tokens of the form that Label Studio's personal tokens have."""

import base64
import json


def token(kind: str, expires: float) -> str:
    """A token that nobody has signed: `refresh` (a personal token) or `access`; until a unix time."""
    parts = ({"alg": "none", "typ": "JWT"}, {"exp": expires, "token_type": kind})
    coded = (base64.urlsafe_b64encode(json.dumps(part).encode()) for part in parts)
    return ".".join(part.decode().rstrip("=") for part in coded) + ".c2lnbmVk"  # «signed»
