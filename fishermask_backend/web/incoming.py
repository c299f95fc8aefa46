"""What Label Studio's requests hold: ids, checked, and refusals that name field and value."""

import re
from collections.abc import Mapping
from typing import Any, TypeGuard

from fishermask_backend.errors import BadRequest

SURROGATE = re.compile("[\ud800-\udfff]")  # JSON can spell them, nothing can store them
PUBLIC = re.compile(r"https?://[\w.:\[\]-]{1,255}(/[\w.~/-]{0,255})?", re.ASCII)
LARGEST_ID = 2**63 - 1  # that a database column holds

# At most 18 digits, which every database column holds.
PROJECT = re.compile(r"([0-9]{1,18})(?:\.([0-9]{1,18}))?")


def parse_project(project_id: str) -> tuple[int, int | None]:
    """Split Label Studio's `<id>.<unix creation time>`; label-studio-ml 2.x passes the id alone.

    Raises:
        BadRequest: It is something else.
    """
    match = PROJECT.fullmatch(str(project_id))
    if match is None:
        raise BadRequest(
            f"project={shown(project_id)}: Label Studio sends '<id>.<creation time>', like "
            "'1.1795518527'."
        )
    return int(match[1]), int(match[2]) if match[2] else None


def is_id(value: Any) -> TypeGuard[int]:
    """Say whether a value can be an id of Label Studio's."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_ID


def event_project(data: Mapping[str, Any]) -> int:
    """Return the id of the project that an event is about.

    Raises:
        BadRequest: It has none.
    """
    project = data.get("project")
    found = project.get("id") if isinstance(project, Mapping) else project
    if not is_id(found):
        raise BadRequest(f"project={shown(project)}: an event carries the project with its id.")
    return found


def task_id(task: Mapping[str, Any], index: int) -> int:
    """Return a task's id; `index` is its place in the request.

    Raises:
        BadRequest: It has none.
    """
    found = task.get("id") if isinstance(task, Mapping) else None
    if not is_id(found):
        raise BadRequest(f"tasks[{index}].id={shown(found)}: every task needs its integer id.")
    return found


def public_address(value: Any) -> str:
    """Return the address under which browsers reach Label Studio; empty if it is none of the web's.

    Label Studio tells it as `hostname`: LABEL_STUDIO_HOST, or `http://localhost:<port>`.
    """
    found = value.rstrip("/") if isinstance(value, str) else ""
    return found if PUBLIC.fullmatch(found) else ""


def shown(value: Any) -> str:
    """Return a value that was refused, short enough for a sentence."""
    try:
        return f"{str(value)[:80]!r}"
    except (ValueError, RecursionError):  # a number of thousands of digits, lists in lists in lists
        return f"(a {type(value).__name__} too large to show)"


def text_of(body: Mapping[str, Any], name: str, *, required: bool = True) -> str:
    """Return a text of a request's body; an empty one where it may be missing and is.

    Raises:
        BadRequest: It is missing, or no text.
    """
    value = body.get(name)
    if value is None and not required:
        return ""
    if not isinstance(value, str) or (required and not value):
        raise BadRequest(f"{name}={shown(value)}: a text is expected.")
    if SURROGATE.search(value):
        raise BadRequest(f"{name}={shown(value)}: half a character; a text is expected.")
    return value
