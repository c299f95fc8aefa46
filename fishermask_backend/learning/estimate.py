"""How often the classifier is right about what is not labelled yet, as audit labels tell it.

Every figure is of one control. Nothing here needs more than numpy.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fishermask_backend.controls.consensus import classes_of, unasked_of
from fishermask_backend.controls.heads import Head, Likelihood

Floats = NDArray[np.float64]

Z = 1.96  # 95 %
DOUBT = 10  # labels that the belief in the network's own confidence weighs as much as
BINS = (0.0, 0.5, 0.7, 0.9, 1.0)  # of confidence


@dataclass(frozen=True)
class Judged:
    """M labels, and what is thought of their images by classifiers trained without them.

    Attributes:
        classes: C, as the control calls them.
        likelihood: Of its labels.
        labels: M, the classes that each image is labelled with.
        probs: (M, C) by those classifiers.
    """

    classes: Sequence[str]
    likelihood: Likelihood
    labels: Sequence[frozenset[str]]
    probs: Floats

    @property
    def guesses(self) -> list[frozenset[str]]:
        """What a pre-label would name."""
        return [frozenset(self.classes[c] for c in row) for row in self._chosen(self.probs)]

    def _chosen(self, probs: Floats) -> list[list[int]]:
        if self.likelihood == "categorical":
            return [[int(row.argmax())] for row in probs]
        return [np.flatnonzero(row > 0.5).tolist() for row in probs]


@dataclass(frozen=True)
class Audited(Judged):
    """M audit labels, and what is thought of them and of the rest.

    Attributes:
        rest: (R, C) by the present classifier, of the images that are not labelled.
    """

    rest: Floats

    @property
    def right(self) -> Floats:
        """(M,) 1 where the guess is the label, whole."""
        pairs = zip(self.guesses, self.labels, strict=True)
        return np.array([float(guess == label) for guess, label in pairs])

    def confidence(self, probs: Floats) -> Floats:
        """Return the probability that the guess is right, whole, as the classifier thinks."""
        if self.likelihood == "categorical":
            return np.asarray(probs.max(1, initial=0.0), dtype=np.float64)
        return np.asarray(np.maximum(probs, 1 - probs).prod(1), dtype=np.float64)


def judged(
    heads: Sequence[Head], answers: Sequence[str], guessed: Floats
) -> dict[Head, tuple[list[int], Judged]]:
    """Return, of each control that has any, the labels that can be held against what was guessed.

    Args:
        heads: The controls, in the order of the columns.
        answers: M, as `answer_text` writes them.
        guessed: (M, ΣC) by `held_out`.

    Returns:
        Which of the answers they are, and the labels.
    """
    found, start = {}, 0
    for head in heads:
        columns = slice(start, start + len(head.classes))
        start += len(head.classes)
        known = [
            i
            for i, answer in enumerate(answers)
            # Asked about all of its classes, and guessed by a classifier that had learnt something.
            if not head.own(unasked_of(answer)) and not np.isnan(guessed[i, columns]).any()
        ]
        if known:
            labels = [frozenset(head.own(classes_of(answers[i]))) for i in known]
            own = Judged(head.classes, head.likelihood, labels, guessed[known][:, columns])
            found[head] = known, own
    return found


def estimate(audited: Audited) -> dict[str, Any]:
    """Return what is stored of a control.

    `overall` is the regression estimator of sampling theory (Särndal, Swensson & Wretman 1992, ch. 6):
    the share of audit labels that are guessed right, corrected by how much surer or less sure the
    classifier is of the rest than of these. So it is of the rest as it is now, though labels of
    earlier rounds were drawn when it still held what has been labelled since, the harder ones as a
    rule. And its interval (Wilson's, of as many labels as leave the same variance) is narrower where
    confidence tells what is right.

    Args:
        audited: One audit label at least.

    Returns:
        `overall` and `interval` (parts of 1), `labels`, `share` (of them, guessed), `effective_labels`,
        `per_class`, `confusion` and `calibration`; the last three are plain counts of audit labels.
    """
    right, sure = audited.right, audited.confidence(audited.probs)
    overall, effective = regression(right, sure, audited.confidence(audited.rest))
    return {
        "overall": round(overall, 4),
        "interval": _rounded(wilson(overall, effective)),
        "labels": len(right),
        "share": round(float(right.mean()), 4),
        "effective_labels": round(effective, 1),
        "per_class": [_of_class(audited, number) for number in range(len(audited.classes))],
        "confusion": _confusion(audited),
        "calibration": _calibration(right, sure),
    }


def regression(right: Floats, sure: Floats, rest: Floats) -> tuple[float, float]:
    """Estimate how much of the rest is right.

    Args:
        right: (M,) 1 or 0 of each label that was drawn, M ≥ 1.
        sure: (M,) how sure the classifier was of each.
        rest: (R,) how sure it is of the others.

    Returns:
        The estimate in [0, 1], and how many labels without such help would leave as little doubt.
    """
    count, share = len(right), float(right.mean())
    if not len(rest):
        return share, float(count)
    spread = float(rest.var())
    away = sure - sure.mean()
    # A slope of 1, as a classifier has whose confidence can be taken at its word, is where it starts.
    slope = (float(away @ right) + DOUBT * spread) / (float(away @ away) + DOUBT * spread + 1e-12)
    overall = share + slope * (float(rest.mean()) - float(sure.mean()))
    overall = min(1.0, max(0.0, overall))
    left = float(((right - share - slope * away) ** 2).mean())
    prior = share * (1 - share)
    # Of few labels the residuals are small by chance: the variance without help counts, too.
    left = (count * left + DOUBT * prior) / (count + DOUBT)
    plain = overall * (1 - overall)
    effective = count * plain / left if left > 0 and plain > 0 else float(count)
    return overall, min(max(effective, count / 2), 2.0 * count)


def wilson(share: float, count: float) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a part that was seen of so many."""
    centre = share + Z * Z / (2 * count)
    half = Z * sqrt(share * (1 - share) / count + Z * Z / (4 * count * count))
    return (centre - half) / (1 + Z * Z / count), (centre + half) / (1 + Z * Z / count)


def _of_class(audited: Audited, number: int) -> dict[str, Any]:
    """Say how many of the images that are labelled with a class are guessed to have it."""
    name = audited.classes[number]
    pairs = zip(audited.labels, audited.guesses, strict=True)
    hits = [name in guess for label, guess in pairs if name in label]
    share = sum(hits) / len(hits) if hits else None
    return {
        "class": name,
        "labels": len(hits),
        "accuracy": None if share is None else round(share, 4),
        "interval": None if share is None else _rounded(wilson(share, len(hits))),
    }


def _confusion(audited: Audited) -> list[dict[str, Any]]:
    """Return what is guessed of what, the commonest first; nothing where an image has any number."""
    if audited.likelihood != "categorical":
        return []
    pairs = zip(audited.labels, audited.guesses, strict=True)
    cells = Counter((*label, *guess) for label, guess in pairs)
    return [
        {"label": label, "guess": guess, "labels": count}
        for (label, guess), count in cells.most_common()
    ]


def _calibration(right: Floats, sure: Floats) -> list[dict[str, Any]]:
    """Return, by how sure the classifier was, how sure on average and how often right."""
    found = []
    for low, high in pairwise(BINS):
        inside = (sure > low) & (sure <= high)
        if inside.any():
            found.append(
                {
                    "above": low,
                    "up_to": high,
                    "labels": int(inside.sum()),
                    "confidence": round(float(sure[inside].mean()), 4),
                    "accuracy": round(float(right[inside].mean()), 4),
                }
            )
    return found


def _rounded(interval: tuple[float, float]) -> list[float]:
    return [round(end, 4) for end in interval]
