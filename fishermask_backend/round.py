"""One active-learning round, top to bottom: train, diagonal, mask, factors, select, store.

Formulas and names are those of `fisher/`; publishing what a round decided is `publishing.py`.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fishermask_backend.acquisition import acquire
from fishermask_backend.backbones import Backbone
from fishermask_backend.classifier import fit_classifier, probabilities, save_classifier
from fishermask_backend.cold_start import (
    cluster_typical,
    cold_start_features,
    typical_order,
)
from fishermask_backend.fisher_job import acquire_in_processes
from fishermask_backend.inputs import RowStore
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.ordering import Order, fisher_order, placed
from fishermask_backend.recipe import FactorRecipe
from fishermask_backend.state import round_scorer, round_weights
from fishermask_backend.store import pool, projects, rounds, validation
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import Round, Task
from fishermask_backend.workspace import Workspace

log = logging.getLogger(__name__)

STORED_AT_ONCE = 2000  # scores, which takes some hundredths of a second


@dataclass
class Stopwatch:
    """Seconds each stage of a project's round took; a line in the log for each."""

    project: str
    round: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.monotonic)

    def lap(self, stage: str) -> None:
        """End a stage."""
        now = time.monotonic()
        took = self.seconds[stage] = round(now - self._last, 3)
        self._last = now
        fields = {"round": self.round, "stage": stage, "seconds": took}
        log.info("%s: round %s: %s took %.1f s", self.project, *fields.values(), extra=fields)


def run_round(work: Workspace, spec: LabelSpec, backbone: Backbone, inputs: RowStore) -> Round:
    """Compute a round over the images embedded so far, and store it.

    Fewer than two different answers teach nothing: then the order is the cold start's.

    Args:
        work: The step's surroundings.
        spec: What is learned.
        backbone: What the rows are, and the network over them.
        inputs: The rows.

    Returns:
        The stored round.
    """
    started_at = time.time()
    watch = Stopwatch(work.name)
    project = work.project()
    published = work.studio.model_versions(project.studio_id)
    with work.begin() as session:
        rounds.drop_unfinished(session, work.project_id)
    with work.store.read() as session:  # nothing that is told waits for a large pool
        tasks = pool.embedded(session, work.project_id)
        number = watch.round = rounds.next_number(session, work.project_id, published)
    rows = torch.from_numpy(inputs.read([task.row for task in tasks if task.row is not None]))
    watch.lap("read")
    answers = {t.task_id: t.answer for t in tasks if t.answer is not None}
    learnt = len(set(answers.values())) >= 2
    made = Round(
        project_id=work.project_id,
        number=number,
        acquisition="fishermask" if learnt else "cold start",
        state="storing",
        labels=len(answers),
        pool=len(tasks),
        classes=list(spec.classes),
        likelihood=spec.likelihood,
        inputs_key=backbone.key,
        triggered_at=max(project.last_event_at, project.registered_at),
        started_at=started_at,
        notes=[],
    )
    if learnt:
        scores = _learn(work, spec, backbone, tasks, rows, made, watch)
    else:
        scores = _cold_start(work, tasks, rows)
        watch.lap("cluster")
    made.computed_at, made.seconds = time.time(), watch.seconds
    _store(work, made, scores)
    with work.begin() as session:
        before = rounds.latest(session, work.project_id)
        if before is not None:
            before.checked, before.agreed = validation.check(session, before)
        rounds.finish_round(session, made.id)
        pool.note_trained(session, work.project_id, answers)
        row = projects.get(session, work.project_id)
        if row.train_asked_at <= work.began:  # asked for meanwhile: one more round
            row.train_asked_at = 0.0
    made.state = "computed"
    log.info(
        "%s: round %s (%s) on %s labels, %s images took %.1f s",
        work.name, number, made.acquisition, made.labels, made.pool, sum(watch.seconds.values()),
    )  # fmt: skip
    return made


def _store(work: Workspace, made: Round, scores: Sequence[Scored]) -> None:
    """Store a round a part at a time: the web process must not wait for a large pool's scores."""
    with work.begin() as session:
        rounds.open_round(session, made)
    for start in range(0, len(scores), STORED_AT_ONCE):
        with work.begin() as session:
            rounds.put_scores(session, made.id, scores[start : start + STORED_AT_ONCE])


def _learn(
    work: Workspace,
    spec: LabelSpec,
    backbone: Backbone,
    tasks: Sequence[Task],
    rows: Tensor,
    made: Round,
    watch: Stopwatch,
) -> list[Scored]:
    settings, classes = work.settings, len(spec.classes)
    labelled = torch.tensor([task.answer is not None for task in tasks])
    targets = torch.stack([_target(task.answer, spec) for task in tasks if task.answer is not None])
    model = fit_classifier(
        backbone,
        rows[labelled],
        targets,
        num_classes=classes,
        likelihood=spec.likelihood,
        pool_rows=rows,
        seed=settings.seed,
        device=backbone.device,
        on_progress=lambda done, total: work.progress("training", done, total),
    )
    probs = probabilities(model, rows, spec.likelihood)
    watch.lap("train")
    expected = _as_last_time(work, ("mask", "select", "order"), len(tasks))
    work.progress("Fisher information", 0, len(tasks), expected=expected)
    recipe = FactorRecipe.of(settings, spec)
    servable = _servable(work, tasks)
    if settings.fisher_processes > 1:
        found = acquire_in_processes(
            model, backbone, rows, probs, labelled, servable, recipe, settings
        )
        watch.lap("select")
    else:
        found = acquire(model, rows, probs, labelled, servable, recipe, settings, lap=watch.lap)
    order = fisher_order(found, model, rows, servable, recipe, settings.queue_size)
    made.notes = order.notes
    for note in made.notes:
        log.info("%s: round %s: %s", work.name, made.number, note)
    watch.lap("order")
    of_claim = work.project_id, made.number, work.lease.fence
    made.weights, made.scorer = round_weights(*of_claim), round_scorer(*of_claim)
    save_classifier(settings.model_dir / made.weights, model, _metadata(spec, backbone))
    order.save_scorer(settings.model_dir / made.scorer)
    watch.lap("save")
    return _scored(tasks, order, probs.cpu().numpy())


def _metadata(spec: LabelSpec, backbone: Backbone) -> dict[str, str]:
    return {
        "classes": json.dumps(spec.classes),
        "num_classes": str(len(spec.classes)),
        "likelihood": spec.likelihood,
        "backbone": backbone.key,
    }


def _cold_start(work: Workspace, tasks: Sequence[Task], rows: Tensor) -> list[Scored]:
    expected = _as_last_time(work, ("cluster",), len(tasks))
    work.progress("clustering", 0, len(tasks), expected=expected)
    open_tasks = _servable(work, tasks)
    features = cold_start_features(rows[open_tasks])
    first = cluster_typical(features, work.settings.queue_size, seed=work.settings.seed)
    ranking = torch.nonzero(open_tasks).flatten()[typical_order(features, first)]
    order = placed(ranking, len(tasks), work.settings.queue_size)
    return _scored(tasks, order, None)


def _as_last_time(work: Workspace, stages: Sequence[str], images: int) -> float | None:
    """Return the seconds that stages will take if an image takes what it took in the last round."""
    with work.store.read() as session:
        last = rounds.latest(session, work.project_id)
    seconds = [last.seconds[stage] for stage in stages if stage in last.seconds] if last else []
    return sum(seconds) / last.pool * images if last and seconds and last.pool else None


def _servable(work: Workspace, tasks: Sequence[Task]) -> Tensor:
    with work.store.read() as session:
        annotators = pool.recent_annotators(session, work.project_id)
    skip_queue = work.project().skip_queue
    return torch.tensor([pool.servable(task, skip_queue, annotators) for task in tasks])


def _target(answer: str, spec: LabelSpec) -> Tensor:
    named = json.loads(answer)
    if spec.likelihood == "categorical":
        return torch.tensor(spec.classes.index(named[0]))
    return torch.tensor([float(name in named) for name in spec.classes])


def _scored(tasks: Sequence[Task], order: Order, probs: NDArray[np.float32] | None) -> list[Scored]:
    scores, gains = order.scores.tolist(), order.gains.tolist()
    return [
        Scored(task.task_id, scores[i], gains[i], None if probs is None else probs[i])
        for i, task in enumerate(tasks)
    ]
