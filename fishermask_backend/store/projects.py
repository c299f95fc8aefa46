"""Projects: which there are, what has been told about them, and who works on which.

Pending work is a fact in this table. Whoever learns something (a webhook, a click) counts an event;
a worker claims the project that is due, notes how far it looked, and says when it is due again.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, delete, literal, or_, select, update
from sqlalchemy.orm import Session

from fishermask_backend.errors import LeaseLost
from fishermask_backend.store.schema import (
    Annotation,
    Project,
    Queue,
    Round,
    Score,
    ScoreRequest,
    Task,
)

LEASE_SECONDS = 60.0
COALESCE_SECONDS = 0.7  # labels that come faster share one look at Label Studio


@dataclass(frozen=True)
class Lease:
    """The right to work on a project until `lease_until`; `fence` grows with every claim."""

    project_id: int
    studio_id: int
    owner: str
    fence: int
    events: int


def find(session: Session, address: str, studio_id: int, created: int | None) -> Project | None:
    """Return a project by its Label Studio identity; without `created`, the newest with that id."""
    query = select(Project).where(Project.address == address, Project.studio_id == studio_id)
    if created is not None:
        query = query.where(Project.created == created)
    return session.scalars(query.order_by(Project.created.desc()).limit(1)).first()


def get(session: Session, project_id: int) -> Project:
    """Return a project that is known to exist."""
    return session.get_one(Project, project_id)


def listing(session: Session, address: str) -> Sequence[Project]:
    """Return all projects of a Label Studio."""
    query = select(Project).where(Project.address == address).order_by(Project.studio_id)
    return session.scalars(query).all()


def register(session: Session, address: str, studio_id: int, created: int) -> Project:
    """Return the project, made if it is new; a new one is due at once."""
    project = find(session, address, studio_id, created)
    if project is None:
        project = Project(
            address=address, studio_id=studio_id, created=created, registered_at=time.time()
        )
        session.add(project)
        session.flush()
    return project


def tell(
    session: Session,
    project_id: int,
    *,
    label: bool = False,
    train: bool = False,
    full: bool = False,
) -> None:
    """Count an event: something happened in Label Studio, and a worker should look soon.

    Args:
        session: An open transaction.
        project_id: The project it happened in.
        label: A label may have come or changed: the quiet time starts again.
        train: A person asked for a round.
        full: Something is gone, which only a full pass finds.
    """
    now = time.time()
    session.execute(
        update(Project)
        .where(Project.id == project_id)
        .values(
            events=Project.events + 1,
            last_event_at=now if label or train else Project.last_event_at,
            due_at=case((Project.due_at > now, now), else_=Project.due_at),
            # After a person's own act a back-off would only look broken.
            retry_at=Project.retry_at if label else 0.0,
            train_asked_at=now if train else Project.train_asked_at,
            pass_wanted=or_(Project.pass_wanted, literal(full)),
        )
    )


def wake(session: Session, project_id: int) -> None:
    """Make a project due now, because somebody waits for an answer about it."""
    now = time.time()
    session.execute(
        update(Project)
        .where(Project.id == project_id)
        .values(events=Project.events + 1, due_at=now)
    )


def claim(session: Session, address: str, owner: str) -> Lease | None:
    """Claim the project that has been due longest, if any."""
    now = time.time()
    free = or_(Project.lease_owner.is_(None), Project.lease_until < now)
    due = and_(Project.due_at <= now, Project.retry_at <= now)
    found = session.scalars(
        select(Project)
        .where(Project.address == address, free, due)
        .order_by(Project.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if found is None:
        return None
    found.lease_owner, found.lease_until, found.fence = owner, now + LEASE_SECONDS, found.fence + 1
    session.flush()
    return Lease(found.id, found.studio_id, owner, found.fence, found.events)


def renew(session: Session, lease: Lease) -> None:
    """Extend a lease; also proves, inside a transaction, that it still holds.

    Raises:
        LeaseLost: Another worker has claimed the project since.
    """
    kept = session.execute(
        update(Project)
        .where(Project.id == lease.project_id, Project.fence == lease.fence)
        .values(lease_until=time.time() + LEASE_SECONDS)
    )
    if kept.rowcount != 1:  # type: ignore[attr-defined]
        raise LeaseLost(f"Project {lease.studio_id} was taken over by another worker.")


def release(session: Session, lease: Lease, *, due_at: float) -> None:
    """End a step that went well: due again at `due_at`, or soon if more was told meanwhile."""
    told = Project.events > lease.events
    _end(
        session,
        lease,
        due_at=case((told, time.time() + COALESCE_SECONDS), else_=due_at),
        failures=0,
        retry_at=0.0,
        error="",
    )


def abandon(session: Session, lease: Lease) -> None:
    """End a step that was cut off by a stop: due at once, for whoever comes."""
    _end(session, lease, due_at=time.time())


def _end(session: Session, lease: Lease, **values: Any) -> None:
    session.execute(
        update(Project)
        .where(Project.id == lease.project_id, Project.fence == lease.fence)
        .values(lease_owner=None, lease_until=0.0, progress=None, **values)
    )


def fail(session: Session, lease: Lease, error: str, *, longest_wait: float = 300.0) -> float:
    """End a step that failed: remember why, and try again after a wait that doubles each time.

    Returns:
        Seconds until the next try.
    """
    project = get(session, lease.project_id)
    if project.fence != lease.fence:
        return 0.0
    wait = min(longest_wait, 2.0 ** min(project.failures, 20))
    now = time.time()
    project.failures += 1
    project.error, project.error_at = error, now
    project.retry_at = project.due_at = now + wait
    project.lease_owner, project.lease_until, project.progress = None, 0.0, None
    return wait


def forget(session: Session, project_id: int) -> None:
    """Delete all that the database knows of a project."""
    rounds = select(Round.id).where(Round.project_id == project_id)
    session.execute(delete(Score).where(Score.round_id.in_(rounds)))
    for table in (Queue, Round, Annotation, Task, ScoreRequest):
        session.execute(delete(table).where(table.project_id == project_id))
    session.execute(delete(Project).where(Project.id == project_id))
