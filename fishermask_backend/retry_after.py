"""`Retry-After`: how long a server asks to be left alone."""

import time
from email.utils import parsedate_to_datetime


def seconds_asked(header: str) -> float | None:
    """Return the seconds of a `Retry-After` header, which may also be a date; None if it is neither.

    Args:
        header: Its value; empty where there is none.
    """
    value = header.strip()
    if value.isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return None
