"""What curves say: areas, paired differences, labels saved, and what of it may be chance.

A curve is the accuracy after each round, (R,); the curves of a strategy are (S, R), a row a seed. Seed
by seed strategies have the same images, the same held-out part and the same first labels, so that
everything is compared in pairs.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Curves = NDArray[np.float64]  # (S, R)

RESAMPLES = 10_000
LEVEL = 0.95  # of intervals
CHANCE = 0.05  # a corrected p above it may be chance


@dataclass(frozen=True)
class Difference:
    """A paired difference of areas.

    Attributes:
        mean: Over the seeds.
        error: Its standard error; NaN of one seed.
        p: Of the paired t-test, two-sided; 1 where it can't be told.
    """

    mean: float
    error: float
    p: float


@dataclass(frozen=True)
class Estimate:
    """A number and its interval; infinite where it lies beyond what was looked at."""

    value: float
    low: float
    high: float


def area(curves: Curves) -> Curves:
    """Return the mean accuracy over the course, (S,)."""
    return np.asarray(curves.mean(axis=1))


def difference(a: Curves, b: Curves) -> Difference:
    """Return how much more area curves (S, R) have than others (S, R) of the same seeds."""
    pairs = area(a) - area(b)
    if len(pairs) < 2:
        return Difference(float(pairs.mean()), float("nan"), 1.0)
    error = float(pairs.std(ddof=1) / np.sqrt(len(pairs)))
    if error == 0:  # all the same: no chance in it, or no difference
        return Difference(float(pairs.mean()), 0.0, 0.0 if pairs.any() else 1.0)
    return Difference(float(pairs.mean()), error, float(stats.ttest_1samp(pairs, 0.0).pvalue))


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for there being many (Holm 1979), in the order given.

    The smallest of m is multiplied by m, the next by m − 1 and so on; none is smaller than one before
    it, and none above 1.
    """
    corrected, largest = [1.0] * len(p), 0.0
    for rank, i in enumerate(np.argsort(p, kind="stable")):
        largest = max(largest, min(1.0, p[i] * (len(p) - rank)))
        corrected[i] = largest
    return corrected


def rising(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the curve that never falls and is nearest to `curve` (R,) (isotonic regression).

    More labels teach more; what falls is chance, and so is a peak that a curve reaches once. Adjacent
    points that fall are pooled into their mean until none do (Barlow et al. 1972).
    """
    means: list[float] = []
    sizes: list[int] = []
    for value in curve:
        means.append(float(value))
        sizes.append(1)
        while len(means) > 1 and means[-2] >= means[-1]:
            size = sizes[-2] + sizes[-1]
            means[-2:] = [(means[-2] * sizes[-2] + means[-1] * sizes[-1]) / size]
            sizes[-2:] = [size]
    return np.repeat(means, sizes)


def labels_to(target: float, curve: NDArray[np.float64], labels: Sequence[int]) -> float:
    """Return after how many labels a curve (R,) reaches an accuracy; infinite if it doesn't.

    Between rounds it is taken to rise evenly.
    """
    fitted = rising(curve)
    reached = np.flatnonzero(fitted >= target - 1e-12)
    if not len(reached):
        return float("inf")
    i = int(reached[0])
    if i == 0:
        return float(labels[0])
    share = (target - fitted[i - 1]) / (fitted[i] - fitted[i - 1])
    return float(labels[i - 1] + share * (labels[i] - labels[i - 1]))


def labels_to_baseline(
    curves: Curves, baseline: Curves, labels: Sequence[int], seed: int = 0
) -> Estimate:
    """Return after how many labels a strategy is where the baseline is at its end.

    The interval is the bootstrap's: seeds are drawn again, with their curves of both.

    Args:
        curves: (S, R) of the strategy.
        baseline: (S, R), of the same seeds.
        labels: After each round.
        seed: Of the draws.
    """

    def reached(seeds: NDArray[np.int64]) -> float:
        target = rising(baseline[seeds].mean(axis=0))[-1]
        return labels_to(float(target), curves[seeds].mean(axis=0), labels)

    count = len(curves)
    value = reached(np.arange(count))
    draws = np.random.default_rng(seed).integers(0, count, (RESAMPLES, count))
    draws, times = np.unique(np.sort(draws, axis=1), axis=0, return_counts=True)
    found = np.repeat([reached(seeds) for seeds in draws], times)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(found, [tail, 1 - tail], method="inverted_cdf")
    return Estimate(value, float(low), float(high))
