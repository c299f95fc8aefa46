"""Images: which are to be embedded next, which failed and why, and which are to be tried again.

One that could not be reached is tried on, ever more slowly, for good. One that is broken is given up.
Both are tried at once when the worker starts, at «Start Training», and under another address.
"""

import time
from collections.abc import Sequence
from itertools import chain, zip_longest

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from fishermask_backend.store.schema import Project, ScoreRequest, Task

RETRY_SECONDS, LONGEST_RETRY_SECONDS = 30.0, 3600.0  # the first doubles with each try
RETRIES_APART = 10.0  # seconds between looks at images that were tried before
START_AGAIN = "«Start Training» or another address tries it at once"


def next_to_embed(session: Session, project_id: int, count: int) -> Sequence[Task]:
    """Return tasks whose image is wanted: those asked for first, and those tried before last.

    Annotated ones, to learn from, and the others, to choose from, take turns in random order: with
    the one kind alone no round can be served.
    """
    asked = select(ScoreRequest.task_id).where(ScoreRequest.project_id == project_id)
    waiting = (*_to_be_had(project_id), Task.image_retry_at <= time.time())

    def some(*those: ColumnElement[bool]) -> Sequence[Task]:
        query = select(Task).where(*waiting, *those).order_by(Task.shuffle).limit(count)
        return session.scalars(query).all()

    fresh, first = Task.image_tries == 0, Task.task_id.in_(asked)
    annotated = Task.annotated.is_(True)
    found = list(some(first))
    if len(found) < count:
        kinds = (some(fresh, ~first, annotated), some(fresh, ~first, ~annotated))
        found += [task for task in chain(*zip_longest(*kinds)) if task is not None]
    if len(found) < count:
        found += some(~fresh, ~first)
    return found[:count]


def untried(session: Session, project_id: int, *, annotated: bool | None = None) -> bool:
    """Say whether an image was never tried; of annotated tasks, or of others, if told so."""
    query = select(Task.task_id).where(*_to_be_had(project_id), Task.image_tries == 0)
    if annotated is not None:
        query = query.where(Task.annotated.is_(annotated))
    return session.scalar(query.limit(1)) is not None


def fail(task: Task, reason: str, *, broken: bool) -> None:
    """Note that an image could not be had, and when it is tried again if it is not broken."""
    task.image_error, task.image_broken = reason, broken
    wait = min(RETRY_SECONDS * 2.0 ** min(task.image_tries, 20), LONGEST_RETRY_SECONDS)
    task.image_retry_at = time.time() + wait
    task.image_tries += 1


def errors(session: Session, project_id: int, limit: int = 20) -> dict[int, str]:
    """Return some tasks whose image failed, with the reason, and what becomes of it."""
    query = select(Task).where(Task.project_id == project_id, Task.image_error.is_not(None))
    found = session.scalars(query.order_by(Task.image_broken.desc(), Task.task_id).limit(limit))
    return {task.task_id: f"{task.image_error} {_outlook(task)}" for task in found}


def cut_short(session: Session, project_id: int, limit: int = 20) -> list[int]:
    """Return some tasks whose image is learnt from although a part of it is missing."""
    mine = Task.project_id == project_id, Task.image_cut_short, Task.row.is_not(None)
    query = select(Task.task_id).where(*mine).order_by(Task.task_id).limit(limit)
    return list(session.scalars(query))


def _outlook(task: Task) -> str:
    if task.image_broken:
        return f"It is given up; {START_AGAIN}."
    seconds = max(0.0, task.image_retry_at - time.time())
    tries = f"{task.image_tries} time{'' if task.image_tries == 1 else 's'}"
    return f"Tried {tries}, again in {seconds:.0f} s; {START_AGAIN}."


def forget_rows(session: Session, project: Project, inputs_key: str) -> None:
    """Note that nothing is embedded (any more); the next rows are of the backbone `inputs_key`."""
    session.execute(update(Task).where(Task.project_id == project.id).values(row=None))
    project.inputs_key, project.next_row = inputs_key, 0


def retry(session: Session, project_id: int | None = None) -> None:
    """Try every failed image of a project, or of all, at once: something may have been mended."""
    query = update(Task).where(Task.row.is_(None), Task.image_error.is_not(None))
    if project_id is not None:
        query = query.where(Task.project_id == project_id)
    session.execute(query.values(image_tries=0, image_retry_at=0.0, image_broken=False))


def next_try(session: Session, project_id: int) -> float | None:
    """Return when the next image is to be tried (again); None if all are embedded or given up."""
    at = session.scalar(select(func.min(Task.image_retry_at)).where(*_to_be_had(project_id)))
    if at is None or untried(session, project_id):
        return at
    return max(at, time.time() + RETRIES_APART)


def _to_be_had(project_id: int) -> tuple[ColumnElement[bool], ...]:
    return Task.project_id == project_id, Task.row.is_(None), ~Task.image_broken
