"""How well the rest is predicted, as labels that were drawn tell it."""

import numpy as np
import pytest

from fishermask_backend.learning.estimate import Audited, estimate, regression, wilson

CLASSES = ("cat", "dog", "owl")


def audited(pairs, rest=(0.8,), likelihood="categorical"):
    """Labels and guesses, each 0.8 sure."""
    probs = [[0.8 if name == guess else 0.1 for name in CLASSES] for _, guess in pairs]
    labels = [frozenset([label]) for label, _ in pairs]
    others = np.array([[sure, 1 - sure, 0.0] for sure in rest])
    return Audited(CLASSES, likelihood, labels, np.array(probs), others)


PAIRS = [("cat", "cat")] * 6 + [("cat", "dog")] * 3 + [("dog", "dog")] * 9 + [("dog", "cat")] * 2


def test_of_one_sureness_it_is_the_share_that_is_right():
    found = estimate(audited(PAIRS))
    assert (found["overall"], found["labels"]) == (0.75, 20)
    assert found["interval"] == pytest.approx(wilson(0.75, found["effective_labels"]), abs=1e-4)


def test_classes_weakest_known_and_those_without_a_label():
    cat, dog, owl = estimate(audited(PAIRS))["per_class"]
    assert (cat["class"], cat["labels"], cat["accuracy"]) == ("cat", 9, 0.6667)
    assert cat["interval"] == pytest.approx(wilson(6 / 9, 9), abs=1e-4)
    assert (dog["labels"], dog["accuracy"]) == (11, 0.8182)
    assert (owl["labels"], owl["accuracy"], owl["interval"]) == (0, None, None)


def test_confusion_and_calibration_are_counts():
    found = estimate(audited(PAIRS))
    assert found["confusion"] == [
        {"label": "dog", "guess": "dog", "labels": 9},
        {"label": "cat", "guess": "cat", "labels": 6},
        {"label": "cat", "guess": "dog", "labels": 3},
        {"label": "dog", "guess": "cat", "labels": 2},
    ]
    assert found["calibration"] == [
        {"above": 0.7, "up_to": 0.9, "labels": 20, "confidence": 0.8, "accuracy": 0.75}
    ]


def test_where_an_image_has_any_number_of_classes_it_is_right_as_a_whole():
    labels = [frozenset({"cat", "dog"}), frozenset({"cat"}), frozenset()]
    probs = np.array([[0.9, 0.9, 0.1], [0.9, 0.9, 0.1], [0.1, 0.1, 0.1]])
    given = Audited(CLASSES, "bernoulli", labels, probs, probs)
    found = estimate(given)
    assert given.right.tolist() == [1.0, 0.0, 1.0]
    assert given.confidence(probs) == pytest.approx([0.9**3] * 3)
    assert [(c["labels"], c["accuracy"]) for c in found["per_class"]] == [
        (2, 1.0), (1, 1.0), (0, None),
    ]  # fmt: skip
    assert found["confusion"] == []


@pytest.mark.parametrize(("harder", "naive"), [(0.0, 0.0), (0.3, 0.1)])
def test_labels_drawn_among_harder_images_do_not_bias_it(harder, naive):
    """Of a part of the pool that is harder, and knows it, the rest holds nothing any more."""
    random, errors, plain, inside = np.random.default_rng(0), [], [], []
    for _ in range(600):
        sure = np.concatenate([random.uniform(0.5, 1.0, 800), random.uniform(0.2, 0.5, 400)])
        right = (random.uniform(size=1200) < sure).astype(float)
        rest = slice(0, 800) if harder else slice(0, 1200)
        drawn = random.choice(1200, 60, replace=False)
        share, count = regression(right[drawn], sure[drawn], sure[rest])
        truth = right[rest].mean()
        low, high = wilson(share, count)
        errors.append(share - truth)
        plain.append(right[drawn].mean() - truth)
        inside.append(low <= truth <= high)
    assert abs(np.mean(errors)) < 0.01
    assert abs(np.mean(plain)) >= naive
    assert 0.93 <= np.mean(inside) <= 0.985
    assert np.std(errors) <= np.std(plain)  # and it knows more


def test_nothing_is_left():
    assert regression(np.array([1.0, 0.0]), np.array([0.9, 0.6]), np.array([])) == (0.5, 2.0)


@pytest.mark.parametrize("right", [[1.0], [0.0], [1.0] * 30, [0.0] * 30])
def test_all_right_or_wrong_still_leaves_doubt(right):
    sure = np.linspace(0.5, 0.9, len(right))
    share, count = regression(np.array(right), sure, np.linspace(0.4, 1.0, 50))
    low, high = wilson(share, count)
    assert 0 <= low < high <= 1
    assert high - low > 0.05
