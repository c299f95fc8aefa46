"""What is told of labels that somebody should look at again.

`review` is `{"counts": {"looks wrong": 3, "tied": 1, "annotators disagree": 2, "submitted empty": 1},
"labels": [{"kind": "looks wrong", "task": 17, "control": "", "label": ["cat"], "guess": ["dog"],
"probabilities": {"cat": 0.03, "dog": 0.95}, "quality": 0.04, "round": 7}, …]}`, of each kind the first
MOST: what looks wrong comes first, the worst of it before the rest. Guess, probabilities, quality and
round are of what looks wrong alone. `control` is empty where one is learnt, and where a task is meant.

- **looks wrong**: classifiers trained without the label take it for wrong (`learning/doubts.py`). It
  is gone as soon as an annotation of its task is saved or added; if the label is the same after that,
  it was confirmed, and does not come back before it changes.
- **tied**: annotators disagree with equal votes; a further vote or a star decides.
- **annotators disagree**: a majority has decided, and whoever annotated last is not of it. It is gone
  as soon as somebody agrees who annotates, or saves, after that.
- **submitted empty**: nothing was chosen, so the task is done without a label of it.
"""

import sys
from typing import Any

from sqlalchemy.orm import Session

from fishermask_backend.controls.consensus import classes_of
from fishermask_backend.store import doubts, to_review
from fishermask_backend.store.schema import Doubt, Project, Task

MOST = 60  # of each kind
LOOKS_WRONG, TIED, DISAGREE, EMPTY = "looks wrong", "tied", "annotators disagree", "submitted empty"


def review_status(session: Session, project: Project, most: int = MOST) -> dict[str, Any]:
    """Return the labels to review, the first of each kind, and how many of each there are."""
    doubted = doubts.open_doubts(session, project)
    labels = [_doubted(doubt) for doubt in doubted[:most]]
    counts = {LOOKS_WRONG: len(doubted)}
    for kind, (tasks, count) in (
        (TIED, to_review.tied(session, project.id, most)),
        (DISAGREE, to_review.disputed(session, project.id, most)),
        (EMPTY, to_review.submitted_empty(session, project, most)),
    ):
        labels += [_of_task(kind, task) for task in tasks]
        counts[kind] = count
    return {"counts": counts, "labels": labels}


def _doubted(doubt: Doubt) -> dict[str, Any]:
    return {
        "kind": LOOKS_WRONG,
        "task": doubt.task_id,
        "control": doubt.control,
        "label": classes_of(doubt.answer),
        "guess": doubt.guess,
        "probabilities": doubt.probabilities,
        "quality": doubt.quality,
        "round": doubt.round_number,
    }


def _of_task(kind: str, task: Task) -> dict[str, Any]:
    label = [] if task.answer is None else classes_of(task.answer)
    return {"kind": kind, "task": task.task_id, "control": "", "label": label}


def reasons(session: Session, project: Project) -> dict[int, list[str]]:
    """Return of each task to review why, as many as there are."""
    found: dict[int, list[str]] = {}
    for each in review_status(session, project, sys.maxsize)["labels"]:
        kinds = found.setdefault(each["task"], [])
        if each["kind"] not in kinds:
            kinds.append(each["kind"])
    return found
