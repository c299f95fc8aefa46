"""Is the audit honest, what does it cost, and does the forecast stop in time? By simulation.

`python -m tests.benchmarks.audit --rows FOLDER` writes docs/audit.md. FOLDER holds a file NAME.npz for
each set of images: `rows` (N, F), the backbone's features, and `labels` (N,).
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.learning.audit import Draw
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import probabilities
from fishermask_backend.learning.cold_start import first_order
from fishermask_backend.learning.estimate import Audited, estimate
from fishermask_backend.learning.held_out import held_out
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.learning.strategies import STRATEGIES
from fishermask_backend.settings import Settings
from fishermask_backend.simulation.course import Problem, spec_of
from fishermask_backend.simulation.split import split

BATCH = 40
WIDTH = 128
SHARES = (0.0, 0.1, 0.2)


@dataclass(frozen=True)
class Plan:
    """One course."""

    name: str
    strategy: str
    share: float
    seed: int
    rounds: int
    pool: int

    @property
    def key(self) -> str:
        return f"{self.name}-{self.strategy}-{self.share}-{self.seed}-{self.pool}"


def course(plan: Plan, problem: Problem, settings: Settings) -> Iterator[dict[str, Any]]:
    """Yield what is known and what is true after each round of labels."""
    truth = problem.labels[problem.split.pool]
    rows = problem.rows[problem.split.pool]
    answers: list[str | None] = [None] * len(truth)
    drawn: set[int] = set()
    trained, heads = None, problem.spec.heads
    for number in range(1, plan.rounds + 1):
        lesson = Lesson(rows, answers, torch.tensor([a is None for a in answers]))
        if trained is None:
            order = first_order(rows, lesson.servable, settings)
        else:
            order = STRATEGIES[plan.strategy].order(trained, settings, lambda stage: None)
        ordered = [i for i in order.scores.argsort(stable=True).tolist() if answers[i] is None]
        queue, audit = Draw(plan.share, plan.seed, number).mixed(ordered, BATCH)
        drawn.update(audit)
        for i in queue:
            answers[i] = answer_text([str(truth[i])])
        lesson = Lesson(rows, answers, torch.tensor([a is None for a in answers]))
        trained = lesson.learn(heads, problem.backbone, settings)
        probs = trained.probs.double().numpy()
        rest = lesson.servable.numpy()
        test = probabilities(trained.model, problem.rows[problem.split.test], "categorical")
        right = test.argmax(1).numpy() == problem.labels[problem.split.test]
        said: dict[str, Any] = {
            "round": number,
            "labels": int((~rest).sum()),
            "rest": float((probs[rest].argmax(1) == truth[rest]).mean()),
            "test": float(right.mean()),
            "balanced": balanced(right, problem.labels[problem.split.test]),
        }
        if drawn:
            places = sorted(drawn)
            guessed = held_out(lesson, heads, problem.backbone, settings, places).double().numpy()
            known = ~np.isnan(guessed).any(1)
            labels = [frozenset([str(truth[i])]) for i in places]
            audited = Audited(
                heads[0].classes,
                "categorical",
                [each for each, k in zip(labels, known, strict=True) if k],
                guessed[known],
                probs[rest],
            )
            said |= {
                "places": [p for p, k in zip(places, known, strict=True) if k],
                "right": audited.right.tolist(),
                "sure": audited.confidence(audited.probs).round(5).tolist(),
                "sure_of_rest": np.sort(audited.confidence(audited.rest)).round(4)[::5].tolist(),
                "audit": estimate(audited),
            }
        yield said


def balanced(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> float:
    return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))


@cache
def rows_of(path: Path) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Read features, and turn them into the WIDTH directions in which they differ most.

    A head is ten times as quick then. The directions are mixed at random, so that the network, which
    scales each entry of a row to the same spread, does not make the least of them as loud as the first.
    """
    with np.load(path) as file:
        rows, labels = file["rows"].astype(np.float64), file["labels"].astype(np.int64)
    rows -= rows.mean(0)
    _, vectors = np.linalg.eigh(rows.T @ rows)
    mixing, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(WIDTH, WIDTH)))
    return torch.from_numpy((rows @ vectors[:, -WIDTH:] @ mixing).astype(np.float32)), labels


def problem_of(folder: Path, plan: Plan, backbone: Backbone) -> Problem:
    """Cut a set of images into pool and held-out part."""
    rows, labels = rows_of(folder / f"{plan.name}.npz")
    cut = split(labels, plan.seed, imbalanced=False)
    cut = type(cut)(cut.pool[: plan.pool], cut.test)
    backbone = replace(backbone, width=WIDTH)
    return Problem(rows, labels, cut, spec_of(int(labels.max()) + 1), backbone)


def run(plan: Plan, folder: Path, out: Path, backbone: Backbone) -> list[dict[str, Any]]:
    """Return a course's rounds, computed once."""
    file = out / f"{plan.key}.json"
    if not file.exists():
        settings = Settings(batch_size=BATCH, queue_margin=0, seed=plan.seed)
        made = [*course(plan, problem_of(folder, plan, backbone), settings)]
        out.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(made))
    found: list[dict[str, Any]] = json.loads(file.read_text())
    return found
