"""Tasks and their annotations, read from whatever JSON Label Studio hands out.

What cannot be read is left out and told in words, and concerns one task or annotation alone.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fishermask_backend.controls.control import shown
from fishermask_backend.images.kept import kept
from fishermask_backend.studio.records import OddAnswer, an_object, is_id, moment, text

LONGEST_TIME = 40  # characters
# Levels of a result; an editor's own are below ten. How deep JSON can be written depends on who calls:
# what passes here must pass where it is stored.
DEEPEST = 100


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
    received: int = 0  # entries, those that could not be read among them


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
            place = f"behind task {found[-1].task_id}" if found else "at its beginning"
            oddities.append(f"a task in the list {place} is {shown(task)} without an id")
    return Page(found, total, tuple(oddities), len(tasks))


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
        "lead_time": _seconds(annotation.get("lead_time")),
    }


def _seconds(lead_time: Any) -> float | None:
    """Return how long the page was open for an annotation; None where that is not told."""
    if isinstance(lead_time, bool) or not isinstance(lead_time, int | float):
        return None
    return float(lead_time) if 0 < lead_time < math.inf else None


def _user(completed_by: Any) -> int:
    """Return who annotated; 0 if nobody knows."""
    # The community edition gives the id, other editions the whole user.
    found = completed_by.get("id") if isinstance(completed_by, dict) else completed_by
    return found if is_id(found) else 0


def _storable(result: Any) -> Any:
    """Return a result as every database stores it."""
    if _deeper(result, DEEPEST):
        return "(lists in lists in lists)"
    try:
        json.dumps(result, allow_nan=False)
    except ValueError:
        return "(numbers that are none)"
    return result


def _deeper(value: Any, levels: int) -> bool:
    """Say whether lists and objects lie in each other deeper than so many levels."""
    layer = [value]
    for _ in range(levels):
        inside: list[Any] = []
        for each in layer:
            if isinstance(each, list | dict):
                inside += each.values() if isinstance(each, dict) else each
        if not inside:
            return False
        layer = inside
    return True
