"""Progressive validation: what a round says of labels that came after it."""

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

from fishermask_backend.controls.consensus import classes_of, unasked_of
from fishermask_backend.labeling import decided
from fishermask_backend.store.schema import Round, Score, Task


def check(session: Session, latest: Round) -> tuple[int, int]:
    """Compare the latest round's pre-labels with the labels that it was not trained on.

    Args:
        session: An open transaction.
        latest: The project's newest round: `trained` tells of its training.

    Returns:
        How many such labels there are, and how many of them its pre-label names exactly, as far
        as they were asked.
    """
    pairs = session.execute(
        select(Task.answer, Score.probabilities)
        .join(Score, Score.task_id == Task.task_id)
        .where(
            Task.project_id == latest.project_id,
            Task.answer.is_not(None),
            Task.trained.is_(None),
            Score.round_id == latest.id,
            Score.probabilities.is_not(None),
        )
    ).all()
    guesses = [_guess(latest, np.frombuffer(packed or b"", dtype="<f4")) for _, packed in pairs]
    answers = [answer or "" for answer, _ in pairs]
    right = sum(
        guess.difference(unasked_of(answer)) == set(classes_of(answer))
        for guess, answer in zip(guesses, answers, strict=True)
    )
    return len(pairs), right


def _guess(source: Round, probabilities: NDArray[np.float32]) -> set[str]:
    """Return the pre-label's classes."""
    known = dict(zip(source.classes, probabilities.tolist(), strict=True))
    return set(decided(known, source.likelihood))
