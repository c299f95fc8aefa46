"""Projects: which there are, and what has been told about them.

Pending work is a fact in this table. Whoever learns something (a webhook, a click) counts an event; a
worker claims the project that is due (`leases`), notes how far it looked, and says when it is due
again.
"""

import time
from collections.abc import Sequence

from sqlalchemy import case, delete, literal, or_, select, update
from sqlalchemy.orm import Session

from fishermask_backend.store.inserting import insert_missing
from fishermask_backend.store.schema import (
    Annotation,
    Doubt,
    Project,
    Queue,
    Round,
    Score,
    ScoreRequest,
    Task,
)


def find(
    session: Session, address: str, studio_id: int, created: int | None = None
) -> Project | None:
    """Return a project by its Label Studio identity; without `created`, the newest with that id."""
    query = select(Project).where(Project.address == address, Project.studio_id == studio_id)
    if created is not None:
        query = query.where(Project.created == created)
    return session.scalars(query.order_by(Project.created.desc()).limit(1)).first()


def get(session: Session, project_id: int) -> Project:
    """Return a project that is known to exist."""
    return session.get_one(Project, project_id)


def of_server(session: Session, address: str) -> Sequence[Project]:
    """Return all projects of a Label Studio."""
    query = select(Project).where(Project.address == address).order_by(Project.studio_id)
    return session.scalars(query).all()


def register(session: Session, address: str, studio_id: int, created: int) -> Project:
    """Return the project, made if it is new; a new one is due at once."""
    identity = {"address": address, "studio_id": studio_id, "created": created}
    insert_missing(session, Project, [{**identity, "registered_at": time.time()}])
    return session.scalars(select(Project).filter_by(**identity)).one()


def elsewhere(session: Session, project: Project) -> Project | None:
    """Return what has a project's id and creation time at another address; the newest of them."""
    query = select(Project).where(
        Project.studio_id == project.studio_id,
        Project.created == project.created,
        Project.address != project.address,
    )
    return session.scalars(query.order_by(Project.id.desc()).limit(1)).first()


def move(session: Session, former_id: int, new_id: int) -> None:
    """Let a project take the address of another row of it, which is new and goes."""
    former, new = session.get_one(Project, former_id), session.get_one(Project, new_id)
    address, token, offered = new.address, new.token, new.offered_token
    forget(session, new_id)
    former.address = address
    former.token, former.offered_token = token or former.token, offered
    former.pass_wanted, former.due_at, former.retry_at = True, 0.0, 0.0
    former.error, former.failures = "", 0
    former.fence += 1
    former.lease_owner, former.lease_until = None, 0.0


def count_event(
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
            # After a change of settings or a person's own wish a back-off would only look broken.
            retry_at=Project.retry_at if label or full else 0.0,
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


def all_projects(session: Session) -> Sequence[Project]:
    """Return all projects, of whichever Label Studio."""
    return session.scalars(select(Project).order_by(Project.id)).all()


def forget(session: Session, project_id: int) -> None:
    """Delete all that the database knows of a project."""
    rounds = select(Round.id).where(Round.project_id == project_id)
    session.execute(delete(Score).where(Score.round_id.in_(rounds)))
    for table in (Queue, Round, Annotation, Task, Doubt, ScoreRequest):
        session.execute(delete(table).where(table.project_id == project_id))
    session.execute(delete(Project).where(Project.id == project_id))
