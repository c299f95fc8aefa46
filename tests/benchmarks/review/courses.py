"""Courses of labelling by an annotator who errs; what classifiers without each label think of it."""

from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.doubts import doubts
from fishermask_backend.learning.estimate import Judged
from fishermask_backend.learning.held_out import held_out
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.settings import Settings
from fishermask_backend.simulation.course import spec_of
from fishermask_backend.simulation.split import split
from tests.benchmarks.audit.courses import WIDTH, next_first, rows_of

BATCH = 100
LOOKED_AT = (200, 400)  # labels
FLIPPED = 0.05  # of them, at random, each to any other class


@dataclass(frozen=True)
class Plan:
    """One course, whose first labels are the same for each strategy."""

    name: str
    strategy: str
    seed: int
    pool: int


@dataclass(frozen=True)
class Labels:
    """L labels of a course.

    Attributes:
        given: (L,) classes.
        true: (L,) what they should have been.
        probs: (L, C) by classifiers trained without them.
    """

    given: NDArray[np.int64]
    true: NDArray[np.int64]
    probs: NDArray[np.float64]

    @property
    def wrong(self) -> NDArray[np.bool_]:
        """(L,) whether the annotator erred."""
        return self.given != self.true


@dataclass(frozen=True)
class Cost:
    """What it takes after a round, in seconds: of `labels` labels."""

    labels: int
    loading: float
    held_out: float
    ranking: float


def cost(path: Path, pool: int, backbone: Backbone) -> Cost:
    """Measure it on features as they are, on labels without errors."""
    with np.load(path) as file:
        rows, truth = torch.from_numpy(file["rows"][:pool]), file["labels"][:pool].astype(int)
    (head,) = spec_of(int(truth.max()) + 1).heads
    count = max(LOOKED_AT)
    answers = [answer_text([str(c)]) if i < count else None for i, c in enumerate(truth)]
    lesson = Lesson(rows, answers, torch.tensor([a is None for a in answers]))
    began = perf_counter()
    import cleanlab.filter  # noqa: F401, its seconds are asked

    loaded = perf_counter()
    probs = held_out(lesson, [head], backbone, Settings(), range(count)).double().numpy()
    held = perf_counter()
    named = [frozenset([str(c)]) for c in truth[:count]]
    doubts(Judged(head.classes, head.likelihood, named, probs))
    return Cost(count, loaded - began, held - loaded, perf_counter() - held)


def run(plan: Plan, folder: Path, out: Path, backbone: Backbone) -> dict[int, Labels]:
    """Return the labels after LOOKED_AT of them, computed once."""
    file = out / f"{plan.name}-{plan.strategy}-{plan.seed}-{plan.pool}.npz"
    if not file.exists():
        made = _course(plan, folder, replace(backbone, width=WIDTH))
        out.mkdir(parents=True, exist_ok=True)
        draft = file.with_name(f"draft-{file.name}")
        np.savez_compressed(
            draft,
            **{f"{key}-{n}": value for n, each in made.items() for key, value in each.items()},
        )
        draft.replace(file)
    with np.load(file) as stored:
        return {
            n: Labels(*(stored[f"{key}-{n}"] for key in ("given", "true", "probs")))
            for n in LOOKED_AT
        }


def _course(plan: Plan, folder: Path, backbone: Backbone) -> dict[int, dict[str, NDArray]]:
    rows, truth = rows_of(folder / f"{plan.name}.npz")
    pool = split(truth, plan.seed, imbalanced=False).pool[: plan.pool]
    rows, truth = rows[pool], truth[pool]
    (head,) = heads = spec_of(int(truth.max()) + 1).heads
    given = _with_errors(truth, len(head.classes), plan.seed)
    settings = Settings(batch_size=BATCH, queue_margin=0, seed=plan.seed)
    answers: list[str | None] = [None] * len(truth)
    trained, found = None, {}
    while (labelled := sum(answer is not None for answer in answers)) < max(LOOKED_AT):
        servable = torch.tensor([answer is None for answer in answers])
        ordered = next_first(plan.strategy, trained, rows, servable, settings)
        for i in ordered[:BATCH]:
            answers[i] = answer_text([str(given[i])])
        labelled += BATCH
        lesson = Lesson(rows, [*answers], torch.tensor([a is None for a in answers]))
        if labelled in LOOKED_AT:
            places = lesson.labelled.nonzero().flatten().tolist()
            probs = held_out(lesson, heads, backbone, settings, places).double().numpy()
            found[labelled] = {"given": given[places], "true": truth[places], "probs": probs}
        if labelled < max(LOOKED_AT):
            trained = lesson.learn(heads, backbone, settings)
    return found


def _with_errors(truth: NDArray[np.int64], classes: int, seed: int) -> NDArray[np.int64]:
    """Return labels as an annotator gives them who takes one image of twenty for any other class."""
    random = np.random.default_rng(seed)
    other = (truth + random.integers(1, classes, len(truth))) % classes
    return np.where(random.random(len(truth)) < FLIPPED, other, truth)
