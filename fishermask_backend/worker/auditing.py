"""What the audit labels say of a round, once its order is served: nobody waits for it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fishermask_backend.controls.heads import Head
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.estimate import Audited, estimate, judged
from fishermask_backend.learning.forecast import Past, Rest, forecast
from fishermask_backend.learning.held_out import held_out
from fishermask_backend.learning.inputs import RowStore
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.store import audits, by_control, pool, projects, rounds, serving
from fishermask_backend.store.schema import Round, Task
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

LAST_ROUNDS = 3  # whose queues' labels tell what queues take


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
        audits.note(session, made.id, _with_forecasts(found, pooled, made))
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
    own = judged(heads, answers, guessed)
    ends = np.cumsum([len(head.classes) for head in heads]).tolist()
    return {
        head: Audited(**vars(own[head][1]), rest=pooled.probs[:, end - len(head.classes) : end])
        for head, end in zip(heads, ends, strict=True)
        if head in own
    }


def _with_forecasts(
    found: dict[Head, Audited], pooled: _Pooled, made: Round
) -> list[dict[str, Any]]:
    stored = []
    for head, audited in found.items():
        own = estimate(audited)
        past = [
            Past(r.label_count, each["accuracy"]["share"], each["accuracy"]["labels"])
            for r in pooled.before
            for each in r.audit or ()
            if each["control"] == head.control
        ]
        past.append(Past(made.label_count, own["share"], own["labels"]))
        queued = _queued(head, pooled.before)
        rest = Rest(sum(pooled.rest), own["overall"], own["effective_labels"], queued)
        stored.append({"control": head.control, "accuracy": own, "forecast": forecast(past, rest)})
    return stored


def _queued(head: Head, before: Sequence[Round]) -> float | None:
    """Return what part of the labels of the last rounds' queues was guessed."""
    counts = [
        (own.get("checked", 0), own.get("agreed", 0))
        for r in before
        for own in r.heads or ()
        if own["control"] == head.control
    ] or [(r.checked, r.agreed) for r in before]
    last = [each for each in counts if each[0]][-LAST_ROUNDS:]
    return sum(agreed for _, agreed in last) / sum(n for n, _ in last) if last else None
