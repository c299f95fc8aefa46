"""Courses of labelling, and what classifiers think of every image of the pool after each round."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

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
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings
from fishermask_backend.simulation.course import Problem, spec_of
from fishermask_backend.simulation.split import split

BATCH = 50
WIDTH = 128
SHARE = 0.1
LOOKED_AT = (4, 8)  # rounds whose audit is really made, by the product's own classifiers


@dataclass(frozen=True)
class Plan:
    """One course: SHARE of its labels are the audit's, or none."""

    name: str
    strategy: str
    audited: bool
    seed: int
    rounds: int
    pool: int

    @property
    def key(self) -> str:
        """What its files are called."""
        kind = "audited" if self.audited else "plain"
        return f"{self.name}-{self.strategy}-{kind}-{self.seed}-{self.pool}-{self.rounds}"


@dataclass
class Course:
    """What is known after each of R rounds, of a pool of N images.

    Attributes:
        labels: (R,) images labelled.
        test: (R,) accuracy on held-out images.
        when: (N,) the round that labelled each; 0: none.
        right: (R, N) whether each is guessed by a classifier that was not trained on it; not of
            audited courses.
        sure: (R, N) how sure it was.
        real: The product's own estimate and the truth, after some rounds of audited courses.
    """

    labels: NDArray[np.int64]
    test: NDArray[np.float64]
    when: NDArray[np.int64]
    right: NDArray[np.bool_]
    sure: NDArray[np.float32]
    real: list[tuple[float, float, float, float]]


def run(plan: Plan, folder: Path, out: Path, backbone: Backbone) -> Course:
    """Return a course, computed once."""
    file = out / f"{plan.key}.npz"
    if not file.exists():
        problem = problem_of(folder, plan, backbone)
        made = _course(plan, problem, Settings(batch_size=BATCH, queue_margin=0, seed=plan.seed))
        out.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"draft-{file.name}")
        np.savez_compressed(draft, **{**vars(made), "real": json.dumps(made.real)})
        draft.replace(file)
    with np.load(file) as stored:
        values = {name: stored[name] for name in stored}
    return Course(**{**values, "real": json.loads(str(values["real"]))})


@cache
def rows_of(path: Path) -> tuple[torch.Tensor, NDArray[np.int64]]:
    """Read features, and turn them into the WIDTH directions in which they differ most.

    A head is five times as quick then. The directions are mixed at random, so that the network, which
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
    cut = replace(cut, pool=cut.pool[: plan.pool])
    spec = spec_of(int(labels.max()) + 1)
    return Problem(rows, labels, cut, spec, replace(backbone, width=WIDTH))


def _course(plan: Plan, problem: Problem, settings: Settings) -> Course:
    truth = problem.labels[problem.split.pool]
    held = problem.labels[problem.split.test]
    when = np.zeros(len(truth), dtype=np.int64)
    test, right, sure, real = [], [], [], []
    for number, lesson, trained, drawn in _rounds(plan, problem, settings):
        when[(when == 0) & ~lesson.servable.numpy()] = number
        guessed = probabilities(trained.model, problem.rows[problem.split.test], "categorical")
        test.append(float((guessed.argmax(1).numpy() == held).mean()))
        if not plan.audited:
            probs = _without_each(lesson, trained, problem, settings)
            right.append(probs.argmax(1) == truth)
            sure.append(probs.max(1).astype(np.float32))
        elif number in LOOKED_AT:
            real.append(_really(lesson, trained, problem, settings, sorted(drawn)))
    labels = np.array([(when <= r) & (when > 0) for r in range(1, plan.rounds + 1)]).sum(1)
    return Course(labels, np.array(test), when, np.array(right), np.array(sure), real)


def _rounds(
    plan: Plan, problem: Problem, settings: Settings
) -> Iterator[tuple[int, Lesson, Trained, set[int]]]:
    """Yield each round's labels, what is learnt of them, and which were drawn so far."""
    rows = problem.rows[problem.split.pool]
    truth = problem.labels[problem.split.pool]
    answers: list[str | None] = [None] * len(truth)
    trained, drawn = None, set[int]()
    for number in range(1, plan.rounds + 1):
        servable = torch.tensor([answer is None for answer in answers])
        ordered = next_first(plan.strategy, trained, rows, servable, settings)
        share = SHARE if plan.audited else 0.0
        queue, audit = Draw(share, plan.seed, number).mixed(ordered, BATCH)
        drawn.update(audit)
        for i in queue:
            answers[i] = answer_text([str(truth[i])])
        lesson = Lesson(rows, [*answers], torch.tensor([a is None for a in answers]))
        trained = lesson.learn(problem.spec.heads, problem.backbone, settings)
        yield number, lesson, trained, drawn


def next_first(
    strategy: str,
    trained: Trained | None,
    rows: torch.Tensor,
    servable: torch.Tensor,
    settings: Settings,
) -> list[int]:
    """Return the images that may be labelled as a round asks for them, the first one untrained."""
    if trained is None:
        order = first_order(rows, servable, settings)
    else:
        order = STRATEGIES[strategy].order(trained, settings, lambda stage: None)
    return [i for i in order.scores.argsort(stable=True).tolist() if servable[i]]


def _without_each(
    lesson: Lesson, trained: Trained, problem: Problem, settings: Settings
) -> NDArray[np.float64]:
    """Return what is thought of every image (N, C) by a classifier that was not trained on it.

    Of labelled ones by classifiers without a fifth of the labels.
    """
    probs = trained.probs.double().numpy().copy()
    labelled = lesson.labelled.nonzero().flatten().tolist()
    found = held_out(lesson, problem.spec.heads, problem.backbone, settings, labelled)
    probs[labelled] = found.double().numpy()
    return probs


def _really(
    lesson: Lesson, trained: Trained, problem: Problem, settings: Settings, places: list[int]
) -> tuple[float, float, float, float]:
    """Return the product's estimate with its interval, and what is true."""
    (head,) = problem.spec.heads
    guessed = held_out(lesson, [head], problem.backbone, settings, places).double().numpy()
    probs = trained.probs.double().numpy()
    rest = lesson.servable.numpy()
    truth = problem.labels[problem.split.pool]
    labels = [frozenset([str(truth[i])]) for i in places]
    found = estimate(Audited(head.classes, head.likelihood, labels, guessed, probs[rest]))
    low, high = found["interval"]
    return found["overall"], low, high, float((probs[rest].argmax(1) == truth[rest]).mean())
