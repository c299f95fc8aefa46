"""Audits drawn again and again for a course of labelling, and what they say of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishermask_backend.learning.estimate import regression, wilson
from fishermask_backend.learning.forecast import ENOUGH, MORE, WORTH, Past, forecast
from tests.benchmarks.audit.courses import BATCH, SHARE, Course

REDRAWN = 100  # audits of a course
NEAR = 0.2  # part of an oracle's labels by which a stop may be off


@dataclass(frozen=True)
class Estimated:
    """One estimate of a redrawn audit.

    Attributes:
        error: Of the estimate.
        plain: Of the share of audit labels that is right, taken as it is.
        inside: Whether the truth is in the interval.
        past: What a forecast is given.
    """

    error: float
    plain: float
    inside: bool
    past: Past


def audits(course: Course, random: np.random.Generator) -> Iterator[Estimated]:
    """Draw an audit for a course of a strategy alone, and yield what it says after each round.

    What is drawn for a round comes from all that was not labelled before it, picked later or not, and
    is judged by classifiers that were not trained on it.
    """
    drawn = np.zeros(0, dtype=np.int64)
    for r, labels in enumerate(course.labels.tolist()):
        free = (course.when == 0) | (course.when > r)
        free[drawn] = False
        new = random.choice(np.flatnonzero(free), round(SHARE * BATCH), replace=False)
        drawn = np.concatenate([drawn, new])
        rest = (course.when == 0) | (course.when > r + 1)
        rest[drawn] = False
        right, sure = course.right[r].astype(np.float64), course.sure[r].astype(np.float64)
        overall, effective = regression(right[drawn], sure[drawn], sure[rest])
        low, high = wilson(overall, effective)
        truth = float(right[rest].mean())
        yield Estimated(
            overall - truth,
            float(right[drawn].mean()) - truth,
            low <= truth <= high,
            Past(labels, overall, effective),
        )


def of_rest(course: Course) -> NDArray[np.float64]:
    """Return the accuracy on the rest after each round, (R,)."""
    rounds = range(1, len(course.labels) + 1)
    rests = [(course.when == 0) | (course.when > r) for r in rounds]
    return np.array([course.right[r][rest].mean() for r, rest in enumerate(rests)])


def oracle(courses: Sequence[Course]) -> tuple[float, float]:
    """Return level and power of the wrong part of the rest, fitted to the mean over the courses."""
    wrong = 1 - np.mean([of_rest(course) for course in courses], axis=0)
    power, level = np.polyfit(np.log(courses[0].labels), np.log(wrong), 1)
    return float(np.exp(level)), float(-power)


def true_gain(curve: tuple[float, float], labels: float) -> float:
    """Return what MORE labels bring by that curve."""
    level, power = curve
    return level * (labels**-power - (labels + MORE) ** -power)


def true_stop(curve: tuple[float, float]) -> float:
    """Return after how many labels MORE bring less than WORTH."""
    labels = np.arange(1, 100_000)
    return float(labels[int(np.argmax([true_gain(curve, n) < WORTH for n in labels]))])


@dataclass(frozen=True)
class Forecasts:
    """What was forecast in redrawn audits of a set's courses.

    Attributes:
        errors: Of the gains, from the first audit that is large enough on.
        inside: Of these, whether the true one is in the interval.
        stops: After how many labels each audit says that little is to be gained; infinite: not at all.
    """

    errors: list[float]
    inside: list[bool]
    stops: list[float]


def forecasts(courses: Sequence[Course], random: np.random.Generator) -> Forecasts:
    """Redraw audits, and forecast after each round."""
    curve, found = oracle(courses), Forecasts([], [], [])
    for course in courses:
        for _ in range(REDRAWN):
            past = [each.past for each in audits(course, random)]
            stop = float("inf")
            for r, now in enumerate(past):
                left = len(course.when) - now.labels
                said = forecast(past[: r + 1], left)
                if now.audit >= ENOUGH:
                    truth, (low, high) = true_gain(curve, now.labels), said["interval"]
                    found.errors.append(said["gain"] - truth)
                    found.inside.append(low <= truth <= high)
                if said["advice"] == "little more to gain":
                    stop = min(stop, now.labels)
            found.stops.append(stop)
    return found
