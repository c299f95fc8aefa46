"""What Label Studio's refusals mean, as sentences, and how long it asks to be left alone."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

ADVICE = {
    401: "Set LABEL_STUDIO_API_KEY to a token from Account & Settings in Label Studio, and restart.",
    403: "The key's user may not do this: give them the project, or take another user's key.",
    404: "Is LABEL_STUDIO_URL the address of Label Studio itself, with its path if it has one?",
    429: "It is asked too often: FETCH_CONCURRENCY=1 asks less.",
}
FAILED = "Its own log says why."  # 500 and above


def reason(status: int | None, body: Any) -> str:
    """Say what Label Studio answered and what to do.

    Args:
        status: Of HTTP.
        body: As parsed JSON, or as text (a proxy's page).
    """
    detail = body.get("detail") if isinstance(body, dict) else body
    more = body.get("validation_errors") if isinstance(body, dict) else None
    text = f"Label Studio answered {status}: {_short(detail, 300)}"
    if more:
        text += f" {_short(more, 500)}"
    code = status or 0
    code = 404 if 200 <= code < 400 else code  # a page of something else, or the way to it
    advice = ADVICE.get(code, FAILED if code >= 500 else "")
    return f"{text} {advice}".rstrip()


def _short(value: Any, length: int) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= length else text[:length] + "…"


def retry_after(headers: Mapping[str, str]) -> float:
    """Return the seconds of a `Retry-After` header, which may also be a date; 0 without one."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return float(value)
    try:
        wait = parsedate_to_datetime(value) - datetime.now(UTC)
    except (TypeError, ValueError):
        return 0.0
    return max(0.0, wait.total_seconds())
