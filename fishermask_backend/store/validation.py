"""Progressive validation: what a round says of labels that came after it."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from fishermask_backend.controls.consensus import classes_of, unasked_of
from fishermask_backend.controls.heads import Head
from fishermask_backend.controls.question import decided
from fishermask_backend.store.by_control import learnt
from fishermask_backend.store.rounds import class_probabilities
from fishermask_backend.store.schema import Round, Score, Task


class Checked(NamedTuple):
    """Labels that came after a round's training, and those of them that its pre-label names."""

    checked: int
    agreed: int


def check(session: Session, latest: Round) -> Checked:
    """Compare the latest round's pre-labels with the labels that it was not trained on.

    Args:
        session: An open transaction.
        latest: The project's newest round: `trained` tells of its training.

    Returns:
        How many such labels there are, and how many of them its pre-label names exactly, as far
        as they were asked; of several controls, all that were answered.
    """
    every = [[*of_task.values()] for of_task in _compared(session, latest) if of_task]
    return Checked(len(every), sum(map(all, every)))


def note(session: Session, before: Round) -> None:
    """Keep with a round what `check` says of it, and `check_controls` of its controls."""
    before.checked, before.agreed = check(session, before)
    if before.heads is not None:
        own = check_controls(session, before)
        before.heads = [
            {**head, "checked": found.checked, "agreed": found.agreed}
            for head in before.heads
            for found in [own.get(head["control"], Checked(0, 0))]
        ]


def check_controls(session: Session, latest: Round) -> dict[str, Checked]:
    """Do what `check` does for each control of a round that has several."""
    tasks, heads = _compared(session, latest), learnt(latest)
    found = {}
    for head in heads if latest.heads is not None else ():
        right = [of_task[head] for of_task in tasks if head in of_task]
        found[head.control] = Checked(len(right), sum(right))
    return found


def _compared(session: Session, latest: Round) -> Sequence[Mapping[Head, bool]]:
    """Return of each such task whether its pre-label is right, for each control that was answered."""
    pairs = session.execute(
        select(Task.answer, Score)
        .join(Score, Score.task_id == Task.task_id)
        .where(
            Task.project_id == latest.project_id,
            Task.answer.is_not(None),
            Task.trained.is_(None),
            Score.round_id == latest.id,
            Score.probabilities.is_not(None),
        )
    ).all()
    heads = learnt(latest)
    return [
        _right(heads, answer or "", class_probabilities(latest, score)) for answer, score in pairs
    ]


def _right(
    heads: Sequence[Head], answer: str, probabilities: Mapping[str, float]
) -> dict[Head, bool]:
    labels, unasked = set(classes_of(answer)), set(unasked_of(answer))
    found = {}
    for head in heads:
        if head.asked(unasked):
            own = {name: probabilities[name] for name in head.names}
            guess = set(decided(own, head.likelihood))
            said = labels if head.alone else labels.intersection(head.names)
            found[head] = guess - unasked == said
    return found
