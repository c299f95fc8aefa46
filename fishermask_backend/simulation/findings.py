"""From points to findings: every strategy's figures, and its differences to others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fishermask_backend.simulation.points import Point
from fishermask_backend.simulation.statistics import (
    Curves,
    Difference,
    Estimate,
    area,
    difference,
    holm,
    labels_to_baseline,
)
from fishermask_backend.simulation.variants import BASELINE

Courses = Mapping[tuple[str, int], Sequence[Point]]  # by strategy and seed


@dataclass(frozen=True)
class Comparison:
    """A strategy against another, on the area under the balanced accuracy."""

    name: str
    other: str
    found: Difference
    p: float  # corrected for all comparisons of the report


@dataclass(frozen=True)
class Figures:
    """One strategy's.

    Attributes:
        name: The variant's.
        balanced: (S, R) balanced accuracy.
        plain: (S, R) accuracy.
        classes_found: Mean at the end.
        seconds: Mean of a round: choosing, and learning.
        cpu_seconds: Likewise, of the processor.
        reaches: After how many labels it is where the baseline ends; None of the baseline itself.
    """

    name: str
    balanced: Curves
    plain: Curves
    classes_found: float
    seconds: tuple[float, float]
    cpu_seconds: float
    reaches: Estimate | None

    @property
    def area(self) -> float:
        """The mean balanced accuracy over the course."""
        return float(area(self.balanced).mean())


@dataclass(frozen=True)
class Findings:
    """What a simulation has found.

    Attributes:
        labels: After each round.
        seeds: Of the courses that are whole for every strategy.
        figures: A strategy each, the best area first.
        to_baseline: Every strategy but the baseline against it.
        to_first: Every other against the first that was named, where that is not the baseline.
        notes: What was approximated, by whom, as sentences.
    """

    labels: Sequence[int]
    seeds: Sequence[int]
    figures: Sequence[Figures]
    to_baseline: Sequence[Comparison]
    to_first: Sequence[Comparison]
    notes: Sequence[str]

    def of(self, name: str) -> Figures:
        """Return a strategy's figures."""
        return next(each for each in self.figures if each.name == name)


def find(courses: Courses, names: Sequence[str], rounds: int, seeds: int) -> Findings | None:
    """Return what the points say; None while no seed is whole for every strategy.

    Args:
        courses: All points.
        names: The strategies, as they were named.
        rounds: Of a course.
        seeds: Asked for.
    """
    whole = [
        seed
        for seed in range(seeds)
        if all(len(courses.get((name, seed), [])) >= rounds for name in names)
    ]
    if not whole:
        return None
    points = {name: [courses[name, seed][:rounds] for seed in whole] for name in names}
    labels = [point.labels for point in points[BASELINE][0]]
    curves = {name: _curves(of, "balanced_accuracy") for name, of in points.items()}
    figures = [_figures(name, of, curves, labels) for name, of in points.items()]
    first = names[0]
    others = [name for name in names if name != BASELINE]
    pairs = [(name, BASELINE) for name in others]
    pairs += [(first, name) for name in others if name != first and first != BASELINE]
    found = [difference(curves[a], curves[b]) for a, b in pairs]
    corrected = holm([each.p for each in found])
    comparisons = [
        Comparison(a, b, each, p) for (a, b), each, p in zip(pairs, found, corrected, strict=True)
    ]
    return Findings(
        labels,
        whole,
        sorted(figures, key=lambda each: -each.area),
        comparisons[: len(others)],
        comparisons[len(others) :],
        _notes(points),
    )


def _curves(courses: Sequence[Sequence[Point]], measure: str) -> Curves:
    return np.array([[getattr(point, measure) for point in course] for course in courses])


def _figures(
    name: str,
    courses: Sequence[Sequence[Point]],
    curves: Mapping[str, Curves],
    labels: Sequence[int],
) -> Figures:
    every = [point for course in courses for point in course]
    baseline = curves[BASELINE]
    return Figures(
        name,
        curves[name],
        _curves(courses, "accuracy"),
        float(np.mean([course[-1].classes_found for course in courses])),
        (
            float(np.mean([point.order_seconds for point in every if point.round > 1] or [0.0])),
            float(np.mean([point.train_seconds for point in every])),
        ),
        float(np.mean([point.cpu_seconds for point in every])),
        None if name == BASELINE else labels_to_baseline(curves[name], baseline, labels),
    )


def _notes(points: Mapping[str, Sequence[Sequence[Point]]]) -> list[str]:
    """Return of each strategy the first of its notes, and how many others there are."""
    found: list[str] = []
    for name, courses in points.items():
        texts = dict.fromkeys(
            note for course in courses for point in course for note in point.notes
        )
        if texts:
            more = f" (and {len(texts) - 1} like it)" if len(texts) > 1 else ""
            found.append(f"{name}: {next(iter(texts))}{more}")
    return found
