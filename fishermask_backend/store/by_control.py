"""Rounds and labels control by control, where several controls are learnt."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fishermask_backend.controls.consensus import classes_of, unasked_of
from fishermask_backend.controls.heads import (
    Head,
    JointLikelihood,
    Likelihood,
    StoredHead,
    likelihood_of,
    read_head,
    stored_heads,
)
from fishermask_backend.store.schema import Project, Round, Task


class About(TypedDict):
    """What a round tells of the controls that it was made for."""

    classes: list[str]
    likelihood: JointLikelihood
    heads: list[StoredHead] | None


def about(asked: Sequence[Head], trained: Sequence[Head]) -> About:
    """Return what a round is to tell of the controls that were asked, some of which were trained."""
    own = trained or asked
    heads = stored_heads(asked)
    for head, stored in zip(asked, heads or (), strict=False):
        stored["trained"] = head in trained
    names = [name for head in own for name in head.names]
    return {"classes": names, "likelihood": likelihood_of(own), "heads": heads}


def learnt(source: Round) -> list[Head]:
    """Return the heads of a round's classifier, in its order; after a cold start, all heads."""
    if source.heads is None:
        likelihood = cast("Likelihood", source.likelihood)
        return [Head("", tuple(source.classes), likelihood, alone=True)]
    trained = [head for head in source.heads if head.get("trained")]
    return [read_head(head) for head in trained or source.heads]


def is_of(source: Round, heads: Sequence[Head]) -> bool:
    """Say whether a round was made for a config that asks this."""
    if source.heads is not None:
        return [read_head(head) for head in source.heads] == [*heads]
    (own,) = learnt(source)
    return [(own.names, own.likelihood)] == [(head.names, head.likelihood) for head in heads]


@dataclass(frozen=True)
class Labels:
    """A control's labels.

    Attributes:
        control: Its name.
        labelled: Tasks that answer it.
        unanswered: Tasks that are labelled, but do not answer it.
        partly: Tasks that answer it, but not as to all of its classes.
        tied: Tasks on which annotators disagree about it, with equal votes.
        classes: A class: tasks labelled with it.
    """

    control: str
    labelled: int
    unanswered: int
    partly: int
    tied: int
    classes: dict[str, int]


def labels(session: Session, project: Project) -> list[Labels]:
    """Return the labels of each control; none where a single one is learnt."""
    if not project.heads:
        return []
    of_project = Task.project_id == project.id
    answers = session.execute(
        select(Task.answer, func.count())
        .where(of_project, Task.answer.is_not(None))
        .group_by(Task.answer)
    ).all()
    tied = Counter[str]()
    for controls in session.scalars(select(Task.tied_in).where(of_project, Task.tied)):
        tied.update(controls or ())
    return [_labels(read_head(h), [(a or "", n) for a, n in answers], tied) for h in project.heads]


def _labels(head: Head, answers: Sequence[tuple[str, int]], tied: Counter[str]) -> Labels:
    classes = dict.fromkeys(head.classes, 0)
    labelled = partly = 0
    for answer, count in answers:
        unasked = unasked_of(answer)
        if head.asked(unasked):
            labelled += count
            partly += count * bool(head.own(unasked))
            for name in head.own(classes_of(answer)):
                classes[name] += count
    everything = sum(count for _, count in answers)
    return Labels(
        head.control, labelled, everything - labelled, partly, tied[head.control], classes
    )
