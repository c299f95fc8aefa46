"""Who annotates: labels, skips, agreement with pre-labels, pace, and when last.

- Agreement is that of `store/validation.py`, by person: of the tasks whose first answer one person
  alone gave, and that a queue had asked for with a pre-label, those of which the pre-label was that
  answer. Not in it are a second annotator's answers, those of older queues, and those that a version
  before this one has read.
- Pace is the median of the seconds that Label Studio says the page was open (`lead_time`), of the last
  labels; pauses are in it, hence the median. Annotations of scripts and imports have none.
"""

import statistics
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from fishermask_backend.store.schema import Annotation, Task
from fishermask_backend.store.serving import seconds_ago

HOUR = 3600.0
PACE_LABELS = 1000  # of everybody, the last: that tells the pace of now


@dataclass(frozen=True)
class Annotator:
    """A person, by the user id in Label Studio; 0: nobody knows who.

    Attributes:
        user: The id.
        labels: Annotations that are no skips.
        skips: Tasks skipped.
        last_hour: Labels and skips within it.
        last: When the last was saved, in seconds since 1970; None where that cannot be read.
        compared: Labels that were compared with a pre-label made before them.
        agreed: Those of these that the pre-label had named.
        pace: Median seconds a label; None where Label Studio does not tell them.
    """

    user: int
    labels: int
    skips: int
    last_hour: int
    last: float | None
    compared: int = 0
    agreed: int = 0
    pace: float | None = None


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
    expected, paces = _expected(session, project_id), _paces(session, project_id)
    people = [
        Annotator(
            user, int(a), int(b), int(c), _read(last), *expected.get(user, (0, 0)), paces.get(user)
        )
        for user, a, b, c, last in found
    ]
    return sorted(people, key=lambda person: -person.labels)


def _expected(session: Session, project_id: int) -> dict[int, tuple[int, int]]:
    """Return how many of each person's labels were compared with pre-labels, and agreed."""
    found = session.execute(
        select(Task.first_by, func.count(), func.count().filter(Task.expected.is_(True)))
        .where(Task.project_id == project_id, Task.expected.is_not(None))
        .group_by(Task.first_by)
    ).all()
    return {user: (compared, agreed) for user, compared, agreed in found if user is not None}


def _paces(session: Session, project_id: int) -> dict[int, float]:
    """Return each person's median seconds a label."""
    newest = session.execute(
        select(Annotation.annotator, Annotation.lead_time, Annotation.skipped, Annotation.imported)
        .where(Annotation.project_id == project_id)
        .order_by(Annotation.annotation_id.desc())
        .limit(PACE_LABELS)
    ).all()
    seconds = defaultdict[int, list[float]](list)
    for user, lead_time, skipped, imported in newest:
        if lead_time is not None and not skipped and not imported:
            seconds[user].append(lead_time)
    return {user: round(statistics.median(own), 1) for user, own in seconds.items()}


def _read(text: str) -> float | None:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
