"""Which tasks Label Studio would still serve, and to whom."""

import time
from collections.abc import Iterable

from sqlalchemy import Text, cast, func, select
from sqlalchemy.orm import Session

from fishermask_backend.store.schema import Annotation, Project, Task

RECENT_SECONDS = 7 * 86400.0


def recent_annotators(session: Session, project_id: int) -> frozenset[int]:
    """Return who annotated or skipped anything here in the last week."""
    since = seconds_ago(RECENT_SECONDS)
    return frozenset(
        session.scalars(
            select(Annotation.annotator)
            .where(
                Annotation.project_id == project_id,
                Annotation.updated_at >= since,
                Annotation.annotator != 0,  # nobody knows who
            )
            .distinct()
        )
    )


def seconds_ago(seconds: float) -> str:
    """Return a moment as Label Studio writes it, to compare with `Annotation.updated_at`."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - seconds))


def servable(task: Task, skip_queue: str, annotators: Iterable[int]) -> bool:
    """Say whether Label Studio would still serve a task to somebody.

    A partly annotated task counts as labelled. A skip counts as the project's `skip_queue` says: by
    default a task is gone for those who skipped it, so one skipped by all who annotate here is out
    until somebody else comes.
    """
    if task.annotated:
        return False
    if not task.skipped_by or skip_queue == "REQUEUE_FOR_ME":
        return True
    if skip_queue == "IGNORE_SKIPPED":
        return False
    return not set(annotators) <= set(task.skipped_by)


def embedded_candidates(session: Session, project: Project) -> int:
    """Count the tasks that a round could choose from now; skipped ones only if there are no others."""
    bare = Task.project_id == project.id, Task.row.is_not(None), ~Task.annotated
    never_skipped = session.scalar(
        select(func.count()).where(
            *bare, func.coalesce(cast(Task.skipped_by, Text), "null") == "null"
        )
    )
    if never_skipped:
        return never_skipped
    annotators = recent_annotators(session, project.id)
    return sum(
        servable(task, project.skip_queue, annotators)
        for task in session.scalars(select(Task).where(*bare))
    )
