"""Labels to review as pictures, the kinds of them one after the other."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from fishermask_backend.images.thumbnails import Thumbnails
from fishermask_backend.store import pool
from fishermask_backend.store.schema import Project
from fishermask_backend.web import review_status as kinds

TITLES = {
    kinds.LOOKS_WRONG: (
        "Look wrong to the model",
        "Trained without these labels, it takes them for wrong; the worst first. While the model still "
        "errs often, most of them are right. Whoever saves the annotation again, changed or not, "
        "takes it from this list.",
    ),
    kinds.TIED: (
        "Tied",
        "Annotators disagree with equal votes, and the latest counts. One more vote or a star decides.",
    ),
    kinds.DISAGREE: (
        "Annotators disagree",
        "The majority counts, but whoever annotated last said something else. One more vote for the "
        "label, or a star, settles it.",
    ),
    kinds.EMPTY: (
        "Submitted empty",
        "Nothing was chosen: choose something, or delete the annotation, and the task comes back.",
    ),
}


@dataclass(frozen=True)
class Reviewed:
    """A label to review.

    Attributes:
        task_id: Label Studio's.
        row: Of its thumbnail; None where there is none.
        control: Whose label; empty where one is learnt, or the task is meant.
        label: The classes given, each with the probability that the model gives it, if it is asked.
        guess: The same of the model's guess; None where it is not asked.
    """

    task_id: int
    row: int | None
    control: str
    label: tuple[tuple[str, float | None], ...]
    guess: tuple[tuple[str, float | None], ...] | None


@dataclass(frozen=True)
class ToReview:
    """The labels of one kind.

    Attributes:
        title: What is the matter.
        told: What that means, and what to do.
        count: How many there are; `pictures` are the first.
        pictures: They.
    """

    title: str
    told: str
    count: int
    pictures: tuple[Reviewed, ...]


def to_review(
    session: Session, project: Project, status: Mapping[str, Any], thumbnails: Thumbnails
) -> list[ToReview]:
    """Return the kinds of labels to review of which there are any.

    Args:
        session: An open transaction.
        project: Whose labels.
        status: As `review_status` tells it.
        thumbnails: The project's.
    """
    labels = status["labels"]
    tasks = pool.tasks_by_id(session, project.id, sorted({each["task"] for each in labels}))
    rows = {task_id: task.row for task_id, task in tasks.items()}
    there = thumbnails.there([row for row in rows.values() if row is not None])
    return [
        ToReview(
            *TITLES[kind],
            count,
            tuple(
                _reviewed(each, rows.get(each["task"]), there)
                for each in labels
                if each["kind"] == kind
            ),
        )
        for kind, count in status["counts"].items()
        if count
    ]


def _reviewed(each: Mapping[str, Any], row: int | None, there: set[int]) -> Reviewed:
    known = each.get("probabilities", {})
    guess = [(name, known.get(name)) for name in each["guess"]] if "guess" in each else None
    return Reviewed(
        each["task"],
        row if row in there else None,
        each["control"],
        tuple((name, known.get(name)) for name in each["label"]),
        None if guess is None else tuple(guess),
    )
