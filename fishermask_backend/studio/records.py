"""What Label Studio has, in the backend's terms, read from what label-studio-sdk returns."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fishermask_backend.images.kept import kept


@dataclass(frozen=True)
class StudioProject:
    """A project as Label Studio has it."""

    studio_id: int
    created: int
    title: str
    label_config: str
    sampling: str
    model_version: str
    skip_queue: str


@dataclass(frozen=True)
class StudioTask:
    """A task with its annotations (empty where they were not asked for), and whether it has any."""

    task_id: int
    data: dict[str, Any]
    updated_at: float
    annotations: tuple[dict[str, Any], ...]
    untouched: bool  # neither annotated nor skipped


@dataclass(frozen=True)
class Page:
    """One page of tasks, and how many tasks there are on all pages."""

    tasks: list[StudioTask]
    total: int


def read_project(project: Any) -> StudioProject:
    """Read a project of the SDK's."""
    return StudioProject(
        studio_id=project.id,
        created=int(project.created_at.timestamp()),
        title=project.title or "",
        label_config=project.label_config or "",
        sampling=str(project.sampling or ""),
        model_version=project.model_version or "",
        skip_queue=str(project.skip_queue or "REQUEUE_FOR_OTHERS"),
    )


def read_task(task: Any, *, whole: bool = False) -> StudioTask:
    """Read a task of the SDK's, of whichever of its kinds; long texts in it `kept`, unless `whole`."""
    annotations = tuple(
        {
            "annotation_id": a["id"],
            "task_id": task.id,
            "result": a.get("result") or [],
            "skipped": bool(a.get("was_cancelled")),
            "ground_truth": bool(a.get("ground_truth")),
            "annotator": _user(a.get("completed_by")),
            "updated_at": a.get("updated_at") or "",
        }
        for a in task.annotations or []
    )
    counts = [getattr(task, f"{kind}_annotations", None) for kind in ("total", "cancelled")]
    untouched = counts == [0, 0]  # told to be none; where nothing is told, nothing is known
    data = dict(task.data or {})
    if not whole:
        data = {name: kept(v) if isinstance(v, str) else v for name, v in data.items()}
    return StudioTask(task.id, data, _time(task.updated_at), annotations, untouched)


def _time(when: datetime | str) -> float:
    # The SDK leaves a time as it came where it could not decide which kind of task it reads.
    return (when if isinstance(when, datetime) else datetime.fromisoformat(when)).timestamp()


def _user(completed_by: Any) -> int:
    # The community edition gives the id, other editions the whole user.
    return int(completed_by["id"] if isinstance(completed_by, dict) else completed_by or 0)
