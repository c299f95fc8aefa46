"""What more labels would bring: the curve of the audit, carried on.

The part that is wrong is taken to fall as a power of the labels, a · n^−b, as learning curves do
(Hestness et al. 2017). What rounds have estimated says something of a and little of b, and so b is
believed to be what it is elsewhere until then.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from fishermask_backend.learning.estimate import wilson

Floats = NDArray[np.float64]

MORE = 100  # labels that are looked ahead
WORTH = 0.02  # what so many must bring to be worth it
ENOUGH = 20  # audit labels, before which nothing is said
SURE = 0.7  # of what is said

POWERS = np.linspace(0.02, 1.2, 60)  # b
USUAL, SPREAD = 0.35, 0.2  # of b on the sets of docs/audit.md, and how far it lies from there
ALIKE = 0.7  # correlation of whether two rounds are right about an image
NORMAL = np.linspace(-2.6, 2.6, 27)


class Past(NamedTuple):
    """What was estimated after a round.

    Attributes:
        labels: That it was trained on.
        accuracy: On the rest.
        audit: Labels behind it, as they weigh (`effective_labels`).
    """

    labels: int
    accuracy: float
    audit: float


def forecast(past: Sequence[Past], left: int) -> dict[str, Any]:
    """Say what more labels would bring.

    Args:
        past: What was estimated of one control, oldest round first; one at least.
        left: Images that can still be labelled.

    Returns:
        `sentence` and `advice` («go on», «little more to gain», «too early to say», «all is labelled»);
        `labels`, how many more; `gain`, what they are expected to bring, a part of 1, its `interval`
        (95 %), and `worth_it`, the probability that it is WORTH.
    """
    now = past[-1]
    more = max(1, min(MORE, left))
    gains, weights = gains_of(past, more)
    mean = float(gains @ weights)
    low, high = _quantiles(gains, weights, (0.025, 0.975))
    worth_it = float(weights[gains >= WORTH * more / MORE].sum())
    advice = _advice(now, left, worth_it)
    return {
        "sentence": _sentence(now, more, (mean, low, high), left),
        "advice": advice,
        "labels": more,
        "gain": round(mean, 4),
        "interval": [round(low, 4), round(high, 4)],
        "worth_it": round(worth_it, 3),
    }


def gains_of(past: Sequence[Past], more: int) -> tuple[Floats, Floats]:
    """Return gains that `more` labels may bring, and how likely each is.

    For each b on a grid, a is fitted by generalised least squares: estimates of two rounds have the
    smaller one's labels in common, and err alike about them. Then b weighs as its likelihood says,
    times what is believed of it.
    """
    labels = np.array([p.labels for p in past], dtype=np.float64)
    wrong = 1 - np.array([p.accuracy for p in past])
    count = np.maximum.accumulate(np.array([p.audit for p in past]))
    level = (wrong @ count + 1) / (count.sum() + 2)
    same = ALIKE + (1 - ALIKE) * np.eye(len(past))
    covariance = level * (1 - level) * same / np.maximum.outer(count, count)
    inverse = np.linalg.inv(covariance + 1e-9 * np.eye(len(past)))
    gains, weights = [], []
    for power in POWERS:
        shape = (labels / labels[-1]) ** -power  # a is then what is wrong now
        known = float(shape @ inverse @ shape)
        level_now = float(shape @ inverse @ wrong) / known
        misfit = float(wrong @ inverse @ wrong) - known * level_now**2
        belief = -0.5 * misfit - 0.5 * np.log(known) - 0.5 * ((power - USUAL) / SPREAD) ** 2
        levels = np.clip(level_now + NORMAL / np.sqrt(known), 0.0, 1.0)
        gains.append(levels * (1 - (1 + more / labels[-1]) ** -power))
        weights.append(belief - 0.5 * NORMAL**2)
    logs = np.concatenate(weights)
    odds = np.exp(logs - logs.max())
    return np.concatenate(gains), odds / odds.sum()


def _quantiles(values: Floats, weights: Floats, parts: Sequence[float]) -> list[float]:
    order = np.argsort(values)
    summed = np.cumsum(weights[order])
    places = [min(int(np.searchsorted(summed, part)), len(values) - 1) for part in parts]
    return [float(values[order[place]]) for place in places]


def _advice(now: Past, left: int, worth_it: float) -> str:
    if not left:
        return "all is labelled"
    if now.audit < ENOUGH:
        return "too early to say"
    return "go on" if worth_it > 1 - SURE else "little more to gain"


def _sentence(now: Past, more: int, gain: tuple[float, float, float], left: int) -> str:
    low, high = wilson(now.accuracy, now.audit)
    text = f"Now {now.accuracy:.0%} ({low:.0%} – {high:.0%}) of the rest would be right"
    if not left:
        return f"{text}, but nothing is left."
    if now.audit < ENOUGH:
        return f"{text}, by very few audit labels yet."
    mean, least, most = (round(100 * part) for part in gain)
    return f"{text}. {more} more labels are expected to give +{mean} points ({least} to {most})."
