"""What the audit labels say of a round, once its order is served: nobody waits for it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fishermask_backend.controls.consensus import classes_of, unasked_of
from fishermask_backend.controls.heads import Head
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.estimate import Audited, estimate
from fishermask_backend.learning.forecast import Past, forecast
from fishermask_backend.learning.held_out import held_out
from fishermask_backend.learning.inputs import RowStore
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.store import by_control, pool, projects, rounds, serving
from fishermask_backend.store.schema import Round, Task
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)


def audit_round(work: Work, backbone: Backbone, inputs: RowStore, made: Round) -> None:
    """Estimate how well a round's classifier does on the rest, and what more labels would bring.

    Nothing is stored before there are labels of drawn tasks, after a cold start, and of networks
    trained whole, which take too long to be trained a few times more.

    Args:
        work: The step's surroundings.
        backbone: Whose rows these are.
        inputs: The rows.
        made: The round, stored; what it was trained on is what `Task.trained` says.
    """
    if made.weights is None or not backbone.frozen:
        return
    pooled = _read(work, made)
    if not pooled.audit:
        return
    heads = by_control.learnt(made)
    rows = torch.from_numpy(inputs.read([t.row for t in pooled.tasks if t.row is not None]))
    lesson = Lesson(rows, [t.trained for t in pooled.tasks], torch.tensor(pooled.rest))
    guessed = held_out(lesson, heads, backbone, work.settings, pooled.audit).double().numpy()
    found = _by_control(heads, pooled, guessed)
    if not found:
        return
    with work.begin() as session:
        rounds.note_audit(session, made.id, _with_forecasts(found, pooled, made))
    log.info("%s: round %s: %s audit labels looked at", work.name, made.number, len(pooled.audit))


@dataclass(frozen=True)
class _Pooled:
    """The embedded tasks of a project after a round.

    Attributes:
        tasks: N, by id.
        audit: Places of those whose labels are the audit's.
        rest: N, whether each may still be labelled.
        probs: (R, ΣC) what the round thinks of those, as far as it has seen them.
        before: The rounds before it, oldest first.
    """

    tasks: Sequence[Task]
    audit: list[int]
    rest: list[bool]
    probs: NDArray[np.float64]
    before: Sequence[Round]


def _read(work: Work, made: Round) -> _Pooled:
    with work.store.read() as session:
        project = projects.get(session, work.project_id)
        tasks = pool.embedded(session, work.project_id)
        annotators = serving.recent_annotators(session, work.project_id)
        rest = [serving.servable(t, project.skip_queue, annotators) for t in tasks]
        left = {t.task_id for t, may in zip(tasks, rest, strict=True) if may}
        thought = [s for s in rounds.every_score(session, made.id) if s.task_id in left]
        before = [r for r in rounds.history(session, work.project_id) if r.number < made.number]
    audit = [i for i, t in enumerate(tasks) if t.audit is not None and t.trained is not None]
    packed = b"".join(s.probabilities for s in thought if s.probabilities is not None)
    probs = np.frombuffer(packed, dtype="<f4").reshape(-1, len(made.classes)).astype(np.float64)
    return _Pooled(tasks, audit, rest, probs, before)


def _by_control(
    heads: Sequence[Head], pooled: _Pooled, guessed: NDArray[np.float64]
) -> dict[Head, Audited]:
    """Return the audit labels of each control that has any, with what was thought of them."""
    answers = [pooled.tasks[place].trained or "" for place in pooled.audit]
    found, start = {}, 0
    for head in heads:
        columns = slice(start, start + len(head.classes))
        start += len(head.classes)
        known = [
            i
            for i, answer in enumerate(answers)
            # Asked about all of its classes, and guessed by a classifier that had learnt something.
            if not head.own(unasked_of(answer)) and not np.isnan(guessed[i, columns]).any()
        ]
        if known:
            labels = [frozenset(head.own(classes_of(answers[i]))) for i in known]
            found[head] = Audited(
                head.classes, head.likelihood, labels, guessed[known][:, columns],
                pooled.probs[:, columns],
            )  # fmt: skip
    return found


def _with_forecasts(
    found: dict[Head, Audited], pooled: _Pooled, made: Round
) -> list[dict[str, Any]]:
    stored = []
    for head, audited in found.items():
        own = estimate(audited)
        before = [
            Past(r.label_count, each["accuracy"]["overall"], each["accuracy"]["effective_labels"])
            for r in pooled.before
            for each in r.audit or ()
            if each["control"] == head.control
        ]
        now = Past(made.label_count, own["overall"], own["effective_labels"])
        stored.append(
            {
                "control": head.control,
                "accuracy": own,
                "forecast": forecast([*before, now], left=sum(pooled.rest)),
            }
        )
    return stored
