"""One course of labelling: live rounds, where the annotator knows every answer."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.labeling import LabelSpec, parse_label_config
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import probabilities
from fishermask_backend.learning.cold_start import first_order
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.learning.ordering import Order, evenly_spaced
from fishermask_backend.learning.strategies.strategy import Strategy
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings
from fishermask_backend.simulation.points import Point
from fishermask_backend.simulation.split import Split


@dataclass(frozen=True)
class Problem:
    """What a course is about.

    Attributes:
        rows: (N, ...) of all images.
        labels: (N,) class indices.
        split: Pool and held-out images.
        spec: What is learned.
        backbone: Whose rows these are.
    """

    rows: Tensor
    labels: NDArray[np.int64]
    split: Split
    spec: LabelSpec
    backbone: Backbone


def spec_of(count: int) -> LabelSpec:
    """Return what a project learns whose images are of one of `count` classes, called by number."""
    choices = "".join(f'<Choice value="{number}"/>' for number in range(count))
    return parse_label_config(
        f'<View><Image name="image" value="$image"/><Choices name="label" toName="image">{choices}'
        "</Choices></View>"
    )


def drawn_order(rows: Tensor, servable: Tensor, settings: Settings) -> Order:
    """Order a pool of which nothing is learnt yet as nobody would have: at random."""
    generator = torch.Generator().manual_seed(settings.seed)
    places = servable.nonzero().flatten()
    ranking = places[torch.randperm(len(places), generator=generator)]
    scores = evenly_spaced(ranking, len(rows), settings.queue_size)
    return Order(scores, torch.zeros_like(scores))


class Course:
    """A course by one strategy, from its first label on.

    Args:
        problem: The images, and their cut.
        name: What its points are called.
        strategy: Chooses, once two classes are labelled.
        settings: Of its rounds; the seed among them.
        first: Orders the pool before that.
    """

    def __init__(
        self,
        problem: Problem,
        name: str,
        strategy: Strategy,
        settings: Settings,
        first: Callable[[Tensor, Tensor, Settings], Order] = first_order,
    ) -> None:
        self._problem, self._name = problem, name
        self._strategy, self._settings, self._first = strategy, settings, first
        pool = problem.split.pool
        self._rows = problem.rows[pool]
        self._truth = [answer_text([str(label)]) for label in problem.labels[pool]]
        self._answers: list[str | None] = [None] * len(pool)
        self._place = {int(image): place for place, image in enumerate(pool)}

    def points(self, rounds: int, known: Sequence[Point]) -> Iterator[Point]:
        """Yield the points that come after those that are known.

        Args:
            rounds: After so many the course ends.
            known: The first rounds' points, as an earlier process made them.
        """
        trained = None
        for point in known:
            self._label([self._place[image] for image in point.picked])
        if 0 < len(known) < rounds:
            trained = self._learn()
        for number in range(len(known) + 1, rounds + 1):
            began, cpu = time.perf_counter(), time.process_time()
            order = self._order(trained)
            picks = order.scores.argsort(stable=True)[: self._settings.batch_size].tolist()
            self._label(picks)
            chosen = time.perf_counter()
            trained = self._learn()
            learnt = time.perf_counter()
            right = self._guesses(trained) == self._problem.labels[self._problem.split.test]
            yield Point(
                strategy=self._name,
                seed=self._settings.seed,
                round=number,
                labels=sum(answer is not None for answer in self._answers),
                classes_found=len({answer for answer in self._answers if answer is not None}),
                balanced_accuracy=self._balanced(right),
                accuracy=float(right.mean()),
                order_seconds=chosen - began,
                train_seconds=learnt - chosen,
                cpu_seconds=time.process_time() - cpu,
                picked=tuple(self._problem.split.pool[picks].tolist()),
                notes=tuple(order.notes),
            )

    def _label(self, places: Sequence[int]) -> None:
        for place in places:
            self._answers[place] = self._truth[place]

    @property
    def _lesson(self) -> Lesson:
        servable = torch.tensor([answer is None for answer in self._answers])
        return Lesson(self._rows, self._answers, servable)

    def _order(self, trained: Trained | None) -> Order:
        if trained is None:
            return self._first(self._rows, self._lesson.servable, self._settings)
        return self._strategy.order(trained, self._settings, lambda stage: None)

    def _learn(self) -> Trained | None:
        lesson, heads = self._lesson, self._problem.spec.heads
        if not lesson.learnable(heads):
            return None
        return lesson.learn(heads, self._problem.backbone, self._settings)

    def _guesses(self, trained: Trained | None) -> NDArray[np.int64]:
        """Return the class taken for the likeliest of each held-out image."""
        test = self._problem.split.test
        if trained is None:  # one class is all that is known
            (only,) = {answer for answer in self._answers if answer is not None}
            return np.full(len(test), self._truth_of(only))
        probs = probabilities(
            trained.model, self._problem.rows[test], self._problem.spec.likelihood
        )
        likeliest: NDArray[np.int64] = probs.argmax(1).numpy()
        return likeliest

    def _truth_of(self, answer: str) -> int:
        return int(self._problem.labels[self._problem.split.pool[self._truth.index(answer)]])

    def _balanced(self, right: NDArray[np.bool_]) -> float:
        labels = self._problem.labels[self._problem.split.test]
        return float(np.mean([right[labels == label].mean() for label in np.unique(labels)]))
