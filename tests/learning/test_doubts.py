"""Labels that look wrong to classifiers trained without them."""

import numpy as np
import pytest

from fishermask_backend.learning.doubts import FEWEST, FEWEST_OF_CLASS, doubts
from fishermask_backend.learning.estimate import Judged

CLASSES = ("cat", "dog", "eel")


def of_one(truth, given, sure=0.9):
    """Labels of one class each, of images that are known for what they are."""
    probs = np.full((len(truth), len(CLASSES)), (1 - sure) / (len(CLASSES) - 1))
    probs[np.arange(len(truth)), truth] = sure
    # No two the same, as real ones.
    probs += np.random.default_rng(0).uniform(0, 0.02, probs.shape)
    probs /= probs.sum(1, keepdims=True)
    return Judged(CLASSES, "categorical", [frozenset([CLASSES[c]]) for c in given], probs)


def of_any(truth, given):
    """Labels of any number of classes."""
    probs = np.where(truth, 0.9, 0.1) + np.random.default_rng(0).uniform(0, 0.02, truth.shape)
    labels = [frozenset(c for c, has in zip(CLASSES, row, strict=True) if has) for row in given]
    return Judged(CLASSES, "bernoulli", labels, probs)


def test_a_flipped_label_is_found_with_the_guess_and_why():
    truth = np.arange(60) % 3
    given = truth.copy()
    given[[7, 30]] = (truth[[7, 30]] + 1) % 3
    found = doubts(of_one(truth, given))
    assert {d.place for d in found} == {7, 30}
    first = next(d for d in found if d.place == 7)
    assert first.guess == {"dog"}
    assert set(first.probabilities) == {"dog", "eel"}  # of label and guess
    assert first.probabilities["dog"] > 0.85 > 0.1 > first.probabilities["eel"]
    assert [d.quality for d in found] == sorted(d.quality for d in found)
    assert first.quality < 0.2


def test_where_all_is_as_thought_nothing_is_said():
    truth = np.arange(60) % 3
    assert doubts(of_one(truth, truth)) == []


def test_few_labels_are_not_doubted():
    truth = np.arange(FEWEST) % 2
    given = truth.copy()
    given[3] = 1 - truth[3]
    assert [d.place for d in doubts(of_one(truth, given))] == [3]
    assert doubts(of_one(truth[:-1], given[:-1])) == []


def test_a_class_of_few_labels_is_not_doubted():
    truth = np.arange(60) % 2
    given = truth.copy()
    given[: FEWEST_OF_CLASS - 1] = 2  # all but too few of a class, that no classifier has learnt
    given[50] = 1 - truth[50]
    assert [d.place for d in doubts(of_one(truth, given))] == [50]
    assert doubts(of_one(np.zeros(60, int), np.zeros(60, int))) == []  # a single class


def test_a_class_too_many_and_one_too_few_are_found():
    random = np.random.default_rng(1)
    truth = random.random((80, 3)) < 0.4
    given = truth.copy()
    missing, extra = np.flatnonzero(truth[:, 0])[0], np.flatnonzero(~truth[:, 1])[5]
    given[missing, 0], given[extra, 1] = False, True
    found = {d.place: d for d in doubts(of_any(truth, given))}
    assert set(found) == {missing, extra}
    assert "cat" in found[missing].guess
    assert "dog" not in found[extra].guess
    assert found[missing].probabilities["cat"] > 0.85


@pytest.mark.parametrize("has", [True, False])
def test_a_class_that_hardly_any_or_nearly_all_have_is_not_doubted(has):
    truth = np.random.default_rng(2).random((60, 3)) < 0.5
    truth[:, 0] = has
    given = truth.copy()
    given[: FEWEST_OF_CLASS - 1, 0] = not has
    assert doubts(of_any(truth, given)) == []
    assert doubts(of_any(truth[:, :1].repeat(3, 1), given[:, :1].repeat(3, 1))) == []


def test_nobody_has_any_class():
    nothing = np.zeros((60, 3), dtype=bool)
    assert doubts(of_any(nothing, nothing)) == []
