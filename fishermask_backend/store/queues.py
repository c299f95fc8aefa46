"""Queues: the lists of tasks that are imported into Label Studio, and which of them serves.

A queue goes importing → imported → active → superseded → deleted. Each step is one transaction and
safe to repeat.
"""

import time
from collections.abc import Sequence

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from fishermask_backend.store import pool, rounds, serving
from fishermask_backend.store.schema import Annotation, Project, Queue, Round
from fishermask_backend.versions import NO_ROUND, nth_of, version

PACE_SECONDS = (10.0, 30.0)
PACE_LABELS = 1000  # looked at; more in that time count as so many


def active(session: Session, project_id: int) -> Queue | None:
    """Return the queue that Label Studio serves from."""
    query = select(Queue).where(Queue.project_id == project_id, Queue.state == "active")
    return session.scalars(query.order_by(Queue.id.desc()).limit(1)).first()


def places(queue: Queue | None) -> dict[int, float]:
    """Return the score of each task of a queue, below 0.5, by which Label Studio serves it."""
    ids = queue.task_ids if queue is not None else []
    return {task_id: place / len(ids) / 2 for place, task_id in enumerate(ids)}


def left(session: Session, project: Project) -> set[int]:
    """Return the tasks of the active queue that Label Studio would still serve."""
    queue = active(session, project.id)
    annotators = serving.recent_annotators(session, project.id)
    tasks = pool.tasks_by_id(session, project.id, queue.task_ids if queue else [])
    return {i for i, t in tasks.items() if serving.servable(t, project.skip_queue, annotators)}


def pace(session: Session, project_id: int) -> tuple[int, float]:
    """Return how many people have annotated or skipped in the last half minute, and tasks a second.

    That is the pace of the half minute, or of its last ten seconds if that is faster: people who have
    just begun.
    """
    newest = (
        select(Annotation.annotator, Annotation.updated_at)
        .where(Annotation.project_id == project_id)
        .order_by(Annotation.annotation_id.desc())
        .limit(PACE_LABELS)
    )
    rows = session.execute(newest).all()
    people: set[int] = set()
    fastest = 0.0
    for seconds in PACE_SECONDS:
        since = serving.seconds_ago(seconds)
        recent = [row.annotator for row in rows if row.updated_at >= since]
        people.update(recent)
        fastest = max(fastest, len(recent) / seconds)
    return len(people), fastest


def answered_version(queue: Queue | None) -> str:
    """Return the version that /setup and /predict answer while a queue is active."""
    return queue.version if queue else NO_ROUND


def begin(
    session: Session,
    source: Round,
    task_ids: Sequence[int],
    published: Sequence[str] = (),
    audit: Sequence[int] = (),
) -> Queue:
    """Start a queue under a version no queue has had: `fishermask-<round>[.<n>]`.

    A queue whose import was cut off is never resumed: its request may still arrive at Label Studio.

    Args:
        session: Of the database.
        source: The round whose order it is.
        task_ids: Its tasks, the next one first.
        published: The versions that Label Studio holds: more than is stored here where the database
            was restored from a backup.
        audit: Those of its tasks that are drawn at random.
    """
    stored = session.scalar(select(func.count()).where(Queue.round_id == source.id)) or 0
    earlier = max([stored, *(nth_of(name, source.number) for name in published)])
    session.execute(
        update(Queue)
        .where(Queue.project_id == source.project_id, Queue.state == "importing")
        .values(state="superseded", superseded_at=time.time())
    )
    queue = Queue(
        project_id=source.project_id,
        round_id=source.id,
        version=version(source.number, earlier + 1),
        state="importing",
        task_ids=list(task_ids),
        audit=list(audit) or None,
        created_at=time.time(),
    )
    session.add(queue)
    session.flush()
    return queue


def mark_imported(session: Session, queue_id: int) -> None:
    """Note that Label Studio holds the queue's predictions."""
    queue = session.get_one(Queue, queue_id)
    queue.state = "imported"
    source = session.get_one(Round, queue.round_id)
    if source.state == "computed":
        source.state = "imported"


def imported(session: Session, project_id: int) -> Queue | None:
    """Return a queue that is imported but not yet served."""
    query = select(Queue).where(Queue.project_id == project_id, Queue.state == "imported")
    return session.scalars(query.order_by(Queue.id.desc()).limit(1)).first()


def activate(session: Session, queue_id: int) -> None:
    """Make an imported queue, and its round, the ones that serve."""
    now = time.time()
    queue = session.get_one(Queue, queue_id)
    session.execute(
        update(Queue)
        .where(
            Queue.project_id == queue.project_id,
            Queue.state.in_(["active", "imported"]),
            Queue.id != queue.id,
        )
        .values(state="superseded", superseded_at=now)
    )
    queue.state, queue.active_at = "active", now
    rounds.activate(session, queue.round_id)


def mark_deleted(session: Session, queue_id: int) -> None:
    """Note that Label Studio holds the queue's predictions no more."""
    session.get_one(Queue, queue_id).state = "deleted"


def history(session: Session, project_id: int) -> Sequence[Queue]:
    """Return all queues, oldest first."""
    query = select(Queue).where(Queue.project_id == project_id).order_by(Queue.id)
    return session.scalars(query).all()


def outdated(session: Session, project_id: int, before: float) -> Sequence[Queue]:
    """Return superseded queues whose predictions may be deleted: superseded before a time."""
    return session.scalars(
        select(Queue).where(
            Queue.project_id == project_id,
            Queue.state == "superseded",
            Queue.superseded_at < before,
        )
    ).all()
