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
        text = f"Label Studio's answer is a page: {_short(error.doc, 300)} {ADVICE[404]}"
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
    code = status or 0
    code = 404 if 200 <= code < 400 else code  # a page of something else, or the way to it
    advice = ADVICE.get(code, FAILED if code >= 500 else "")
    return f"{text} {advice}".rstrip()


def _short(value: Any, length: int) -> str:
    text = " ".join(str(value).split())
    return text if len(text) <= length else text[:length] + "…"
