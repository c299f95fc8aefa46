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

from fishermask_backend.backbones import Backbone
from fishermask_backend.classifier import fit_classifier, probabilities, save_classifier
from fishermask_backend.cold_start import (
    cluster_typical,
    cold_start_features,
    typical_order,
)
from fishermask_backend.fisher import fisher_diagonal, fisher_mask
from fishermask_backend.inputs import RowStore
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.ordering import Order, fisher_order, placed
from fishermask_backend.store import pool, projects, rounds
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import Round, Task
from fishermask_backend.workspace import Workspace

log = logging.getLogger(__name__)


@dataclass
class Stopwatch:
    """Seconds a stage took, by its name."""

    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.monotonic)

    def lap(self, stage: str) -> None:
        """End a stage."""
        now = time.monotonic()
        self.seconds[stage] = round(now - self._last, 3)
        self._last = now


def run_round(work: Workspace, spec: LabelSpec, backbone: Backbone, inputs: RowStore) -> Round:
    """Compute a round over the images embedded so far, and store it.

    Fewer than two different answers teach nothing: then the order is the cold start's.

    Args:
        work: The step's surroundings.
        spec: What is learned.
        backbone: What the rows are, and the network over them.
        inputs: The rows.

    Returns:
        The stored round, in state «computed».
    """
    started_at = time.time()
    watch = Stopwatch()
    project = work.project()
    published = work.studio.model_versions(project.studio_id)
    with work.store.read() as session:
        tasks = pool.embedded(session, work.project_id)
        number = rounds.next_number(session, work.project_id, published)
    rows = torch.from_numpy(inputs.read([task.row for task in tasks if task.row is not None]))
    watch.lap("read")
    answers = {t.task_id: t.answer for t in tasks if t.answer is not None}
    learnt = len(set(answers.values())) >= 2
    made = Round(
        project_id=work.project_id,
        number=number,
        acquisition="fishermask" if learnt else "cold start",
        state="computed",
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
    with work.begin() as session:
        rounds.put_round(session, made, scores)
        pool.note_trained(session, work.project_id, answers)
        row = projects.get(session, work.project_id)
        if row.train_asked_at <= work.began:  # asked for meanwhile: one more round
            row.train_asked_at = 0.0
    log.info(
        "%s: round %s (%s) on %s labels, %s images: %s",
        work.name, number, made.acquisition, made.labels, made.pool, watch.seconds,
    )  # fmt: skip
    return made


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
    work.progress("Fisher information", 0, len(tasks))
    diagonal = fisher_diagonal(model, rows.to(backbone.device), likelihood=spec.likelihood)
    mask = fisher_mask(diagonal, model, inner=settings.mask_inner, rule=settings.mask_rule)
    watch.lap("mask")
    order = fisher_order(model, rows, mask, labelled, _servable(work, tasks), spec, settings)
    made.notes = order.notes
    watch.lap("select")
    made.weights = f"projects/{work.project_id}/round-{made.number}.safetensors"
    made.scorer = f"projects/{work.project_id}/round-{made.number}-scorer.safetensors"
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
    work.progress("clustering", 0, len(tasks))
    open_tasks = _servable(work, tasks)
    features = cold_start_features(rows[open_tasks])
    first = cluster_typical(features, work.settings.queue_size, seed=work.settings.seed)
    ranking = torch.nonzero(open_tasks).flatten()[typical_order(features, first)]
    order = placed(ranking, len(tasks), work.settings.queue_size)
    return _scored(tasks, order, None)


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
