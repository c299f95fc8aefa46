"""What Label Studio's refusals mean, as sentences, and how long it asks to be left alone."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from label_studio_sdk.core.api_error import ApiError

from fishermask_backend.errors import LabelStudioError, ProjectGone
from fishermask_backend.retry_after import seconds_asked
from fishermask_backend.studio.http import unanswered
from fishermask_backend.studio.records import OddAnswer

ADVICE = {
    401: "Set LABEL_STUDIO_API_KEY to a token from Account & Settings in Label Studio, and restart.",
    403: "The key's user may not do this: give them the project, or take another user's key.",
    404: "Is LABEL_STUDIO_URL the address of Label Studio itself, with its path if it has one?",
    429: "It is asked too often: FETCH_CONCURRENCY=1 asks less.",
}
FAILED = "Its own log says why."  # 500 and above
PROXY = (
    "If a proxy in front of Label Studio wants a log-in of its own, LABEL_STUDIO_HEADERS takes the "
    "headers that open it."
)
HOST_NAME = (
    "It takes the host's name in LABEL_STUDIO_URL for none: one with an underscore is not. Use another "
    "name of that machine or container, or its address."
)


@contextmanager
def as_label_studio_error(doing: str, *, project: int | None = None) -> Iterator[None]:
    """Turn what goes wrong in the SDK's calls into `LabelStudioError`.

    Args:
        doing: What the block does, for «Cannot …».
        project: The project it asks for: raises `ProjectGone` if Label Studio has none of that id.
    """
    try:
        yield
    except ApiError as error:
        status = error.status_code
        # In its own words, that is: a proxy's 404 page says nothing about a project.
        if project is not None and status == 404 and isinstance(error.body, dict):
            raise ProjectGone(f"Project {project} was deleted.") from error
        raise LabelStudioError(
            f"Cannot {doing}: {reason(status, error.body)}",
            status,
            seconds_asked((error.headers or {}).get("retry-after", "")) or 0.0,
        ) from error
    except OddAnswer as error:
        raise LabelStudioError(f"Cannot {doing}: Label Studio's answer {error}.") from error
    except json.JSONDecodeError as error:  # a proxy's page where the SDK renews a personal token
        text = f"Label Studio's answer is a page: {_short(error.doc, 300)} {ADVICE[404]} {PROXY}"
        raise LabelStudioError(f"Cannot {doing}: {text}") from error
    except httpx.HTTPError as error:
        raise LabelStudioError(f"Cannot {doing}: {unanswered(error)}") from error


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
    return f"{text} {_advice(status or 0, body)}".rstrip()


def _advice(code: int, body: Any) -> str:
    page = isinstance(
        body, str
    )  # Label Studio's own refusals are JSON, Django's and proxies' are not
    if code == 400 and page and host_refused(body):
        return HOST_NAME
    if 300 <= code < 400 or (code in (200, 401, 403) and page):  # something else, or the way to it
        return f"{ADVICE[404]} {PROXY}"
    code = 404 if 200 <= code < 300 else code
    return ADVICE.get(code, FAILED if code >= 500 else "")


def host_refused(page: str) -> bool:
    """Say whether a page is Django's for a request to a host whose name it does not take."""
    return "Bad Request (400)" in page or "DisallowedHost" in page


def _short(value: Any, length: int) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= length else text[:length] + "…"
