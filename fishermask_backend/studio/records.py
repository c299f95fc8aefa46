"""What Label Studio has, in the backend's terms, read from whatever JSON it hands out.

Imports and its API check little, so a field may hold anything. What is no use is left out and told in
words, and concerns one task or annotation alone; only an answer of another kind altogether is refused.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeGuard

from fishermask_backend.controls.control import shown
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.images.kept import kept

LARGEST_ID = 2**31 - 1  # that a database column holds; Label Studio's own are as wide
SKIP_QUEUES = ("REQUEUE_FOR_OTHERS", "REQUEUE_FOR_ME", "IGNORE_SKIPPED")  # the first is the default
LONGEST_TIME = 40  # characters


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
class StudioTask:
    """A task with its annotations (empty where they were not asked for), and whether it has any."""

    task_id: int
    data: Mapping[str, Any]
    updated_at: float  # 0: it doesn't say
    annotations: tuple[dict[str, Any], ...]
    untouched: bool  # neither annotated nor skipped


@dataclass(frozen=True)
class Page:
    """One page of tasks, how many there are on all pages, and what on it could not be read."""

    tasks: list[StudioTask]
    total: int
    oddities: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudioBackend:
    """An ML backend of a project."""

    url: str
    title: str
    model_version: str


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
    return StudioBackend(url.rstrip("/"), title, version)


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


def read_page(answer: Any, *, whole: bool = False) -> Page:
    """Read a page of tasks; long texts in them `kept`, unless `whole`.

    Raises:
        OddAnswer: It is none, or does not say how many there are.
    """
    page = an_object(answer)
    tasks, total = page.get("tasks"), page.get("total")
    if not isinstance(tasks, list):
        raise OddAnswer(f"has for tasks {shown(tasks)}, not a list")
    if not is_id(total):
        raise OddAnswer(f"has for total {shown(total)}, not how many tasks there are")
    found: list[StudioTask] = []
    oddities: list[str] = []
    for task in tasks:
        if isinstance(task, dict) and is_id(task.get("id")):
            found.append(read_task(task, oddities, whole=whole))
        else:
            oddities.append(f"a task is {shown(task)} without an id")
    return Page(found, total, tuple(oddities))


def read_task(task: Mapping[str, Any], oddities: list[str], *, whole: bool = False) -> StudioTask:
    """Read a task that has an id; what of it could not be read joins the oddities."""
    task_id, data = task["id"], task.get("data")
    if not isinstance(data, dict):
        oddities.append(f"task {task_id}: data is {shown(data)}, not an object")
        data = {}
    if not whole:
        data = {name: kept(v) if isinstance(v, str) else v for name, v in data.items()}
    annotations: list[dict[str, Any]] = []
    given = task.get("annotations") or []
    for annotation in given if isinstance(given, list) else [given]:
        if isinstance(annotation, dict) and is_id(annotation.get("id")):
            annotations.append(_annotation(annotation, task_id))
        else:
            oddities.append(f"task {task_id}: an annotation is {shown(annotation)} without an id")
    # Told to be none; where nothing is told, nothing is known.
    counts = [task.get("total_annotations"), task.get("cancelled_annotations")]
    untouched = all(is_id(n) and n == 0 for n in counts)
    updated_at = moment(task.get("updated_at")) or 0.0
    return StudioTask(task_id, data, updated_at, tuple(annotations), untouched)


def _annotation(annotation: Mapping[str, Any], task_id: int) -> dict[str, Any]:
    """Return a row of the table of annotations."""
    when = annotation.get("updated_at")
    return {
        "annotation_id": annotation["id"],
        "task_id": task_id,
        "result": _storable(annotation.get("result")),
        "skipped": annotation.get("was_cancelled") is True,
        "ground_truth": annotation.get("ground_truth") is True,
        # Whoever saves an annotation, or stars it, is noted; an import notes nobody.
        "imported": "updated_by" in annotation and annotation["updated_by"] is None,
        "annotator": _user(annotation.get("completed_by")),
        "updated_at": text(when)[:LONGEST_TIME] if moment(when) is not None else "",
    }


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


def _user(completed_by: Any) -> int:
    """Return who annotated; 0 if nobody knows."""
    # The community edition gives the id, other editions the whole user.
    found = completed_by.get("id") if isinstance(completed_by, dict) else completed_by
    return found if is_id(found) else 0


def _storable(result: Any) -> Any:
    """Return a result as every database stores it."""
    try:
        json.dumps(result, allow_nan=False)
    except (ValueError, RecursionError):
        return "(numbers that are none, or lists in lists in lists)"
    return result
