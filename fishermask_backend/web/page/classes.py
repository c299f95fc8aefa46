"""Classes: how often each is labelled, expected among the rest, and right; which are mixed up."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fishermask_backend.controls.consensus import classes_of
from fishermask_backend.controls.heads import Head, read_head
from fishermask_backend.store.by_control import learnt
from fishermask_backend.store.schema import Project, Round, Score, Task
from fishermask_backend.web.page.audits import Audit

MOST_PAIRS = 12  # of classes that are mixed up


@dataclass(frozen=True)
class ClassRow:
    """A class: labels it has, unlabelled images it is guessed of, and how often that is right.

    Attributes:
        name: As the classifier calls it.
        labels: Tasks labelled with it.
        guessed: Unlabelled tasks whose guess it is; None before a classifier.
        accuracy: Part of its images on which the classifier is right; None where unknown.
        interval: The 95 % interval of that.
    """

    name: str
    labels: int
    guessed: int | None
    accuracy: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class Pair:
    """Two classes that are mixed up: labelled as one, guessed as the other, so often."""

    labelled: str
    guessed: str
    count: int


def class_rows(
    session: Session, project: Project, serving: Round | None, audits: Sequence[Audit]
) -> list[ClassRow]:
    """Return every class, the weakest first; where accuracy is unknown, those with fewest labels.

    Args:
        session: Of the database.
        project: Whose.
        serving: The round whose guesses serve.
        audits: What audit labels tell.
    """
    labels = _labels(session, project)
    guessed = _guessed(session, project, serving)
    known = _per_class(audits)
    names = [*dict.fromkeys([*_asked(project, serving), *labels])]
    rows = [
        ClassRow(
            name,
            labels.get(name, 0),
            None if guessed is None else guessed.get(name, 0),
            *known.get(name, (None, None)),
        )
        for name in names
    ]
    return sorted(rows, key=lambda r: (r.accuracy is None, r.accuracy or 0.0, r.labels))


def worst_pairs(audits: Sequence[Audit]) -> list[Pair]:
    """Return the pairs of classes that are mixed up most, from the audit's confusion matrix."""
    pairs = [
        Pair(own.name(cell["label"]), own.name(cell["guess"]), cell["labels"])
        for own in audits
        if own.accuracy
        for cell in own.accuracy["confusion"]
        if cell["label"] != cell["guess"]
    ]
    return sorted(pairs, key=lambda pair: -pair.count)[:MOST_PAIRS]


def guesses(heads: Sequence[Head], probabilities: NDArray[np.float32]) -> Counter[str]:
    """Count of how many images each class is the guess.

    Args:
        heads: The classifier's, in the order of its classes.
        probabilities: (N, classes).
    """
    found, start = Counter[str](), 0
    for head in heads:
        own = probabilities[:, start : start + len(head.names)]
        start += len(head.names)
        if head.likelihood == "categorical":
            counts = np.bincount(own.argmax(axis=1), minlength=len(head.names))
        else:
            counts = (own > 0.5).sum(axis=0)
        found.update(dict(zip(head.names, map(int, counts), strict=True)))
    return found


def _asked(project: Project, serving: Round | None) -> Sequence[str]:
    if project.heads:
        return [name for head in project.heads for name in read_head(head).names]
    return serving.classes if serving is not None else ()


def _labels(session: Session, project: Project) -> Counter[str]:
    answers = session.execute(
        select(Task.answer, func.count())
        .where(Task.project_id == project.id, Task.answer.is_not(None))
        .group_by(Task.answer)
    )
    found = Counter[str]()
    for answer, number in answers:
        found.update(dict.fromkeys(classes_of(answer or "[]"), number))
    return found


def _guessed(session: Session, project: Project, serving: Round | None) -> Counter[str] | None:
    if serving is None or not serving.classes:
        return None
    packed = session.scalars(
        select(Score.probabilities)
        .join(Task, Task.task_id == Score.task_id)
        .where(
            Score.round_id == serving.id,
            Score.probabilities.is_not(None),
            Task.project_id == project.id,
            Task.answer.is_(None),
        )
    ).all()
    if not packed:
        return None
    flat = np.frombuffer(b"".join(p for p in packed if p), dtype="<f4")
    return guesses(learnt(serving), flat.reshape(len(packed), -1))


def _per_class(
    audits: Sequence[Audit],
) -> dict[str, tuple[float | None, tuple[float, float] | None]]:
    return {
        own.name(each["class"]): (
            each["accuracy"],
            (each["interval"][0], each["interval"][1]) if each["interval"] else None,
        )
        for own in audits
        if own.accuracy
        for each in own.accuracy["per_class"]
    }
