"""Audits drawn again and again for a course of labelling, and what they say of it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishermask_backend.learning.estimate import regression, wilson
from fishermask_backend.learning.forecast import ENOUGH, MORE, WORTH, Past, Rest, forecast
from tests.benchmarks.audit.courses import BATCH, SHARE, Course

REDRAWN = 50  # audits of a course
NEAR = 0.2  # part of an oracle's labels by which a stop may be off


@dataclass(frozen=True)
class Estimated:
    """One estimate of a redrawn audit.

    Attributes:
        error: Of the estimate.
        plain: Of the share of audit labels that is right, taken as it is.
        inside: Whether the truth is in the interval.
        past: What a forecast is given,
        rest: and what is left.
    """

    error: float
    plain: float
    inside: bool
    past: Past
    rest: Rest


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
            Past(labels, float(right[drawn].mean()), len(drawn)),
            Rest(int(rest.sum()), overall, effective, _queued(course, r)),
        )


def of_rest(course: Course) -> NDArray[np.float64]:
    """Return the accuracy on the rest after each round, (R,)."""
    rounds = range(1, len(course.labels) + 1)
    rests = [(course.when == 0) | (course.when > r) for r in rounds]
    return np.array([course.right[r][rest].mean() for r, rest in enumerate(rests)])


def _queued(course: Course, r: int) -> float | None:
    """Return the part of the labels of the last three rounds that the round before each guessed."""
    known = [
        course.right[each - 1][course.when == each + 1] for each in range(max(1, r - 2), r + 1)
    ]
    return float(np.concatenate(known).mean()) if known else None


@dataclass(frozen=True)
class Oracle:
    """It knows the accuracy on the rest, smoothed: its wrong part by a parabola, both in logarithms.

    Attributes:
        fit: The parabola.
        first: Labels at its beginning,
        last: and at its end.
    """

    fit: NDArray[np.float64]
    first: int
    last: int

    @classmethod
    def of(cls, courses: Sequence[Course]) -> "Oracle":
        """Return what is fitted to the mean over courses."""
        wrong = 1 - np.mean([of_rest(course) for course in courses], axis=0)
        labels = courses[0].labels
        return cls(np.polyfit(np.log(labels), np.log(wrong), 2), int(labels[0]), int(labels[-1]))

    def gain(self, labels: float) -> float:
        """Return what MORE labels bring."""
        now, then = np.exp(np.polyval(self.fit, np.log([labels, labels + MORE])))
        return float(now - then)

    def stop(self) -> float:
        """Return after how many labels MORE bring less than WORTH; infinite: not in these courses."""
        known = range(self.first, self.last - MORE + 1)
        return next((float(n) for n in known if self.gain(n) < WORTH), float("inf"))


@dataclass(frozen=True)
class Forecasts:
    """What was forecast in redrawn audits of a set's courses.

    Attributes:
        labels: When, of each from the first audit that is large enough on.
        errors: Of the gains then.
        inside: Of these, whether the true one is in the interval.
        stops: After how many labels each audit says that little is to be gained; infinite: not at all.
    """

    labels: list[int]
    errors: list[float]
    inside: list[bool]
    stops: list[float]


def forecasts(courses: Sequence[Course], random: np.random.Generator) -> Forecasts:
    """Redraw audits, and forecast after each round."""
    curve, found = Oracle.of(courses), Forecasts([], [], [], [])
    for course in courses:
        for _ in range(REDRAWN):
            drawn = [*audits(course, random)]
            stop = float("inf")
            for r, now in enumerate(drawn):
                if now.past.audit < ENOUGH or now.past.labels > curve.last - MORE:
                    continue
                said = forecast([each.past for each in drawn[: r + 1]], now.rest)
                truth, (low, high) = curve.gain(now.past.labels), said["interval"]
                found.labels.append(now.past.labels)
                found.errors.append(said["gain"] - truth)
                found.inside.append(low <= truth <= high)
                if said["advice"] == "little more to gain":
                    stop = min(stop, now.past.labels)
            found.stops.append(stop)
    return found
