"""Annotations that are not learnt as they are: how many, why, and which, for a person to mend.

Each annotation's reason is kept with it (`Annotation.not_learnt`), so what is mended in Label Studio
is gone from here as soon as it is read again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fishermask_backend.store.schema import Annotation

REASONS, EXAMPLES = 20, 20  # told at most
IN_A_SENTENCE = 3


@dataclass(frozen=True)
class NotLearnt:
    """A project's annotations that are not learnt as they are.

    Attributes:
        annotations: How many.
        reasons: The most frequent reasons, and how many annotations each has.
        examples: The first annotations, each with `task`, `annotation` and `why`.
    """

    annotations: int
    reasons: Mapping[str, int]
    examples: Sequence[Mapping[str, int | str]]

    @property
    def sentence(self) -> str:
        """What a person is told; empty if all are learnt."""
        if not self.annotations:
            return ""
        told = list(self.reasons.items())[:IN_A_SENTENCE]
        others = self.annotations - sum(count for _, count in told)
        whys = [f"{why} ({count} of them)" for why, count in told]
        whys += [f"other reasons ({others} of them)"] if others else []
        first = self.examples[0]
        return (
            f"Not learnt as they are: {self.annotations} annotations, since {'; '.join(whys)}. "
            f"The first is annotation {first['annotation']} of task {first['task']}."
        )


def not_learnt(session: Session, project_id: int) -> NotLearnt:
    """Return which annotations of a project are not learnt as they are, and why."""
    mine = Annotation.project_id == project_id, Annotation.not_learnt.is_not(None)
    count = func.count()
    reasons = session.execute(
        select(Annotation.not_learnt, count)
        .where(*mine)
        .group_by(Annotation.not_learnt)
        .order_by(count.desc(), Annotation.not_learnt)
    ).all()
    examples = session.execute(
        select(Annotation.task_id, Annotation.annotation_id, Annotation.not_learnt)
        .where(*mine)
        .order_by(Annotation.task_id, Annotation.annotation_id)
        .limit(EXAMPLES)
    )
    return NotLearnt(
        sum(n for _, n in reasons),
        {why or "": n for why, n in reasons[:REASONS]},
        [{"task": task, "annotation": a, "why": why or ""} for task, a, why in examples],
    )
