"""Leases: which worker works on which project, until when, and what became of it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, case, or_, select, update
from sqlalchemy.orm import Session

from fishermask_backend.errors import LeaseLost
from fishermask_backend.store.schema import Project

LEASE_SECONDS = 60.0
LONGEST_WAIT = 300.0  # between two tries of what fails
FARTHEST_SECONDS = 3600.0  # what is put off longer is from before a clock's jump
KEPT_ERRORS = 5
TOLD_SECONDS = 60.0  # after its last event people may still be at work in a project
ENDED_BY_FORCE = "The worker was ended by force"
COALESCE_SECONDS = 0.7  # labels that come faster share one look at Label Studio


@dataclass(frozen=True)
class Lease:
    """The right to work on a project until `lease_until`; `fence` grows with every claim."""

    project_id: int
    studio_id: int
    owner: str
    fence: int
    events: int


def claim(session: Session, address: str, owner: str, *, busy_first: bool = False) -> Lease | None:
    """Claim the project that has been due longest, if any.

    Those in which something happened within the last minute come first with `busy_first`.

    What the owner itself still holds is free: it works on one project at a time, so that is a step
    whose end could not be written.
    """
    now = time.time()
    free = or_(
        Project.lease_owner.is_(None),
        Project.lease_owner == owner,
        Project.lease_until < now,
        Project.lease_until > now + 2 * LEASE_SECONDS,  # the clock was put back since
    )
    due = and_(
        or_(
            Project.due_at <= now, and_(Project.connected, Project.due_at > now + FARTHEST_SECONDS)
        ),
        or_(Project.retry_at <= now, Project.retry_at > now + FARTHEST_SECONDS),
    )
    quiet = Project.last_event_at < now - TOLD_SECONDS
    found = session.scalars(
        select(Project)
        .where(Project.address == address, free, due)
        .order_by(*([quiet] if busy_first else []), Project.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if found is None:
        return None
    found.lease_owner, found.lease_until, found.fence = owner, now + LEASE_SECONDS, found.fence + 1
    session.flush()
    return Lease(found.id, found.studio_id, owner, found.fence, found.events)


def unclaimed(session: Session, project_id: int) -> Project | None:
    """Return a project that no worker works on, kept from being claimed until the transaction ends."""
    free = or_(Project.lease_owner.is_(None), Project.lease_until < time.time())
    query = select(Project).where(Project.id == project_id, free)
    return session.scalars(query.with_for_update(skip_locked=True)).first()


def tended(session: Session, address: str) -> bool:
    """Say whether a worker is at work on a project of this Label Studio's."""
    query = select(Project.id).where(
        Project.address == address,
        Project.lease_owner.is_not(None),
        Project.lease_until > time.time(),
    )
    return session.scalar(query.limit(1)) is not None


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


def fail(
    session: Session, lease: Lease, error: str, *, least_wait: float = 0.0, reading: bool = False
) -> float:
    """End a step that failed: remember why, and try again after a wait that doubles each time.

    Args:
        session: An open transaction.
        lease: The step's.
        error: What a person is told.
        least_wait: Seconds that Label Studio asked to be left alone.
        reading: Whether it failed before it had read what is new in Label Studio.

    Returns:
        Seconds until the next try.
    """
    project = session.get_one(Project, lease.project_id)
    if project.fence != lease.fence:
        return 0.0
    return _back_off(project, error, least_wait, reading=reading)


def has_read(session: Session, lease: Lease) -> None:
    """Forget the error of a step that could not read Label Studio: this one has."""
    project = session.get_one(Project, lease.project_id)
    if project.error and project.errors and project.errors[-1].get("reading", False):
        project.error = ""


def try_again(session: Session, address: str) -> None:
    """Make projects due whose last step failed: their cause may be gone with a former worker.

    Not those whose worker was ended by force: that would begin the same round at once, for ever.
    """
    now = time.time()
    session.execute(
        update(Project)
        .where(Project.address == address, Project.failures > 0)
        .where(~Project.error.startswith(ENDED_BY_FORCE, autoescape=True))
        .values(retry_at=0.0, due_at=case((Project.due_at > now, now), else_=Project.due_at))
    )


def take_over(session: Session, owners: Sequence[str]) -> list[tuple[int, str]]:
    """End the steps of workers whose processes are gone.

    Each counts as a failure: a worker that is killed for the memory a round takes would otherwise
    begin the same round at once, for ever.

    Returns:
        The projects' ids in Label Studio, and what a person is told.
    """
    told = []
    for project in session.scalars(select(Project).where(Project.lease_owner.in_(owners))):
        stage = project.progress["stage"] if project.progress else "reading"
        error = (
            f"{ENDED_BY_FORCE} while {stage}. If nobody did that, the machine ran short "
            "of memory: a lower MEMORY_LIMIT makes a round use less."
        )
        _back_off(project, error, 0.0)
        told.append((project.studio_id, error))
    return told


def _back_off(project: Project, error: str, least_wait: float, *, reading: bool = False) -> float:
    wait = min(LONGEST_WAIT, 2.0 ** min(project.failures, 20))
    wait = max(wait, min(least_wait, FARTHEST_SECONDS))
    now = time.time()
    project.failures += 1
    project.error, project.error_at = error, now
    others = [past for past in project.errors or [] if past["error"] != error]
    project.errors = [*others[1 - KEPT_ERRORS :], {"at": now, "error": error, "reading": reading}]
    project.retry_at = project.due_at = now + wait
    project.lease_owner, project.lease_until, project.progress = None, 0.0, None
    return wait
