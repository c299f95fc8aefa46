"""Images: which are to be embedded next, which failed and why, and which are to be tried again."""

import time
from collections.abc import Sequence

from sqlalchemy import and_, func, select, update
from sqlalchemy.orm import Session

from fishermask_backend.store.schema import Project, ScoreRequest, Task

IMAGE_TRIES = 5


def next_to_embed(session: Session, project_id: int, count: int) -> Sequence[Task]:
    """Return tasks whose image is wanted: asked for, then labelled ones, then in random order."""
    now = time.time()
    asked = select(ScoreRequest.task_id).where(ScoreRequest.project_id == project_id)
    waiting = and_(Task.image_tries < IMAGE_TRIES, Task.image_retry_at <= now)
    return session.scalars(
        select(Task)
        .where(Task.project_id == project_id, Task.row.is_(None), waiting)
        .order_by(Task.task_id.in_(asked).desc(), Task.annotated.desc(), Task.shuffle)
        .limit(count)
    ).all()


def errors(session: Session, project_id: int, limit: int = 20) -> dict[int, str]:
    """Return some tasks whose image failed, with the reason."""
    query = select(Task.task_id, Task.image_error).where(
        Task.project_id == project_id, Task.image_error.is_not(None)
    )
    return {row.task_id: row.image_error or "" for row in session.execute(query.limit(limit))}


def forget_rows(session: Session, project: Project, inputs_key: str) -> None:
    """Note that nothing is embedded (any more); the next rows are of the backbone `inputs_key`."""
    session.execute(update(Task).where(Task.project_id == project.id).values(row=None))
    project.inputs_key, project.next_row = inputs_key, 0


def retry(session: Session) -> None:
    """Give every failed image of every project another try: a setting may have changed."""
    session.execute(
        update(Task)
        .where(Task.row.is_(None), Task.image_error.is_not(None))
        .values(image_tries=0, image_retry_at=0.0)
    )


def next_try(session: Session, project_id: int) -> float | None:
    """Return when the next image is to be tried (again); None if all are embedded or given up."""
    query = select(func.min(Task.image_retry_at)).where(
        Task.project_id == project_id, Task.row.is_(None), Task.image_tries < IMAGE_TRIES
    )
    return session.scalar(query)
