"""What Label Studio has, in the backend's terms, read from whatever JSON it hands out.

Imports and its API check little, so a field may hold anything. What is no use is left out; only an
answer of another kind altogether is refused.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from fishermask_backend.controls.control import shown
from fishermask_backend.errors import FisherMaskError

LARGEST_ID = 2**31 - 1  # that a database column holds; Label Studio's own are as wide
SKIP_QUEUES = ("REQUEUE_FOR_OTHERS", "REQUEUE_FOR_ME", "IGNORE_SKIPPED")  # the first is the default


class OddAnswer(FisherMaskError):
    """An answer that is not what was asked for; the text follows «Label Studio's answer …»."""


@dataclass(frozen=True)
class StudioProject:
    """A project as Label Studio has it."""

    studio_id: int
    created: int | None  # None: it doesn't say
    title: str
    label_config: str
    sampling: str
    model_version: str
    skip_queue: str
    shows_predictions: bool = True


@dataclass(frozen=True)
class StudioBackend:
    """An ML backend of a project."""

    url: str
    title: str
    model_version: str
    params: Any  # «Any extra params», as somebody wrote them


@dataclass(frozen=True)
class Webhook:
    """Where a project's events are sent."""

    hook_id: int
    url: str
    send_payload: bool
    headers: dict[str, str]


def objects(answer: Any) -> list[dict[str, Any]]:
    """Return the objects of a list; whatever else is in it is left out.

    Raises:
        OddAnswer: It is no list.
    """
    if not isinstance(answer, list):
        raise OddAnswer(f"is {shown(answer)}, not a list")
    return [each for each in answer if isinstance(each, dict)]


def an_object(answer: Any) -> dict[str, Any]:
    """Return an object.

    Raises:
        OddAnswer: It is none.
    """
    if not isinstance(answer, dict):
        raise OddAnswer(f"is {shown(answer)}, not an object")
    return answer


def read_project(answer: Any, studio_id: int) -> StudioProject:
    """Read a project.

    Raises:
        OddAnswer: It is none.
    """
    project = an_object(answer)
    created, skip_queue = moment(project.get("created_at")), project.get("skip_queue")
    return StudioProject(
        studio_id=studio_id,
        created=int(created) if created else None,
        title=text(project.get("title")),
        label_config=text(project.get("label_config")),
        sampling=text(project.get("sampling")),
        model_version=text(project.get("model_version")),
        skip_queue=skip_queue if skip_queue in SKIP_QUEUES else SKIP_QUEUES[0],
        shows_predictions=project.get("show_collab_predictions") is not False,
    )


def read_projects(answer: Any) -> tuple[list[StudioProject], bool]:
    """Read a page of projects, and whether there are more behind it.

    Raises:
        OddAnswer: It is none.
    """
    page = an_object(answer)
    found = [p for p in objects(page.get("results")) if is_id(p.get("id"))]
    return [read_project(p, p["id"]) for p in found], bool(page.get("next"))


def read_backend(backend: Mapping[str, Any]) -> StudioBackend:
    """Read an ML backend."""
    url, title, version = (text(backend.get(name)) for name in ("url", "title", "model_version"))
    return StudioBackend(url.rstrip("/"), title, version, backend.get("extra_params"))


def read_webhooks(answer: Any) -> list[Webhook]:
    """Read a project's webhooks.

    Raises:
        OddAnswer: It is no list.
    """
    return [
        Webhook(
            hook_id=hook["id"],
            url=text(hook.get("url")).rstrip("/"),
            send_payload=hook.get("send_payload") is not False,
            headers=hook["headers"] if isinstance(hook.get("headers"), dict) else {},
        )
        for hook in objects(answer)
        if is_id(hook.get("id"))
    ]


def is_id(value: Any) -> TypeGuard[int]:
    """Say whether a value can be an id, or a number of things."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_ID


def text(value: Any) -> str:
    """Return a text that every database stores; empty for whatever is none."""
    if not isinstance(value, str):
        return ""
    return value.encode(errors="replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def moment(value: Any) -> float | None:
    """Return a time that Label Studio wrote, in seconds since 1970; None if it is none."""
    try:
        when = datetime.fromisoformat(value)
        return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
