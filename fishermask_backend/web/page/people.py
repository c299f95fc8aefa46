"""Who annotates: labels, skips, when last, and how fast."""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from fishermask_backend.store.schema import Annotation
from fishermask_backend.store.serving import seconds_ago

HOUR = 3600.0


@dataclass(frozen=True)
class Annotator:
    """A person, by the user id in Label Studio; 0: nobody knows who.

    Attributes:
        user: The id.
        labels: Annotations that are no skips.
        skips: Tasks skipped.
        last_hour: Labels and skips within it.
        last: When the last was saved, in seconds since 1970; None where that cannot be read.
    """

    user: int
    labels: int
    skips: int
    last_hour: int
    last: float | None


def annotators(session: Session, project_id: int) -> list[Annotator]:
    """Return everybody who annotated, the busiest first; imported annotations are nobody's work."""
    since = seconds_ago(HOUR)
    found = session.execute(
        select(
            Annotation.annotator,
            func.sum(case((Annotation.skipped, 0), else_=1)),
            func.sum(case((Annotation.skipped, 1), else_=0)),
            func.sum(case((Annotation.updated_at >= since, 1), else_=0)),
            func.max(Annotation.updated_at),
        )
        .where(Annotation.project_id == project_id, ~Annotation.imported)
        .group_by(Annotation.annotator)
    ).all()
    people = [Annotator(user, int(a), int(b), int(c), _read(last)) for user, a, b, c, last in found]
    return sorted(people, key=lambda person: -person.labels)


def _read(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
