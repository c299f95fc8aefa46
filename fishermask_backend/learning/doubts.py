"""Which labels look wrong, by cleanlab, from what classifiers trained without them think.

The less probable a label is to a classifier trained without it, the sooner it is wrong; how many are
is told by confident learning (Northcutt, Jiang & Chuang, «Confident Learning: Estimating Uncertainty
in Dataset Labels», 2021): where the classifier is about as sure of another class as it is, on average,
of images labelled so. Measured in docs/review.md.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fishermask_backend.learning.estimate import Floats, Judged

FEWEST = 20  # labels of a control, below which none is doubted
FEWEST_OF_CLASS = 3  # of a class that a doubt may be about: fewer teach too little of it
# The least probable labels, as many as confident learning counts; docs/review.md has other ways.
BY = "low_self_confidence"


@dataclass(frozen=True)
class Doubted:
    """A label that looks wrong.

    Attributes:
        place: Among the labels that were looked at.
        quality: cleanlab's, from 0 (surely wrong) to 1.
        guess: The classes that a pre-label would name.
        probabilities: Of the classes of label and guess.
    """

    place: int
    quality: float
    guess: frozenset[str]
    probabilities: dict[str, float]


def doubts(labelled: Judged) -> list[Doubted]:
    """Return the labels of a control that look wrong, the worst first.

    Nothing is said of a control with fewer than FEWEST labels, nor of a label whose class has fewer
    than FEWEST_OF_CLASS: a classifier without it hardly knows the class. Where an image may have any
    number of classes, that holds for images with and without each.
    """
    if len(labelled.labels) < FEWEST:
        return []
    if labelled.likelihood == "categorical":
        return _of_one_class(labelled)
    return _of_any_classes(labelled)


def _of_one_class(labelled: Judged) -> list[Doubted]:
    numbers = {name: number for number, name in enumerate(labelled.classes)}
    classes = np.array([numbers[name] for (name,) in labelled.labels])
    counts = Counter(classes.tolist())
    kept = np.array([i for i, c in enumerate(classes) if counts[c] >= FEWEST_OF_CLASS], dtype=int)
    if len(set(classes[kept])) < 2:
        return []
    return _told(labelled, kept, *_by_class(classes[kept], labelled.probs[kept]))


def _of_any_classes(labelled: Judged) -> list[Doubted]:
    has = np.array([[c in label for c in labelled.classes] for label in labelled.labels])
    columns = np.flatnonzero(np.minimum(has.sum(0), (~has).sum(0)) >= FEWEST_OF_CLASS)
    if not len(columns):
        return []
    own, probs, every = has[:, columns], labelled.probs[:, columns], np.arange(len(has))
    if len(columns) == 1:  # which is no multiple choice to cleanlab
        both = np.hstack([1 - probs, probs])
        return _told(labelled, every, *_by_class(own[:, 0].astype(int), both))
    from cleanlab.multilabel_classification import get_label_quality_scores
    from cleanlab.multilabel_classification.filter import find_label_issues

    lists = [np.flatnonzero(row).tolist() for row in own]
    wrong = find_label_issues(lists, probs, filter_by=BY, n_jobs=1)
    return _told(labelled, every, wrong, get_label_quality_scores(lists, probs))


def _by_class(classes: NDArray[np.int64], probs: Floats) -> tuple[NDArray[np.bool_], Floats]:
    """Return which labels (M,) are wrong by probabilities (M, C), and the quality of each."""
    from cleanlab.filter import find_label_issues  # a second, and in no process that does not ask
    from cleanlab.rank import get_label_quality_scores

    wrong = find_label_issues(classes, probs, filter_by=BY, n_jobs=1)
    return wrong, get_label_quality_scores(classes, probs)


def _told(
    labelled: Judged, places: NDArray[np.int64], wrong: NDArray[np.bool_], quality: Floats
) -> list[Doubted]:
    """Return those of the labels at some places that are wrong, and not what is guessed."""
    guesses, found = labelled.guesses, []
    for i in quality.argsort(kind="stable"):
        place = int(places[i])
        label, guess = labelled.labels[place], guesses[place]
        if wrong[i] and label != guess:
            pairs = zip(labelled.classes, labelled.probs[place], strict=True)
            probabilities = {name: round(float(p), 4) for name, p in pairs if name in label | guess}
            found.append(Doubted(place, round(float(quality[i]), 4), guess, probabilities))
    return found
