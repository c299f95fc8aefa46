"""Statistics against obviously right versions of them."""

import math
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn.isotonic import IsotonicRegression

from fishermask_backend.simulation import statistics
from fishermask_backend.simulation.statistics import (
    area,
    difference,
    holm,
    labels_to,
    labels_to_baseline,
    rising,
)

ACCURACY = st.floats(0, 1).map(lambda value: round(value, 6))
CURVE = st.lists(ACCURACY, min_size=1, max_size=12)


@given(CURVE)
def test_the_rising_curve_is_the_nearest_that_never_falls(curve):
    found = rising(np.array(curve))
    expected = IsotonicRegression().fit_transform(np.arange(len(curve)), curve)
    np.testing.assert_allclose(found, expected, atol=1e-9)


@given(CURVE, ACCURACY)
def test_labels_to_a_target_by_looking_at_every_label(curve, target):
    labels = [20 * (i + 1) for i in range(len(curve))]
    found = labels_to(target, np.array(curve), labels)
    fitted = rising(np.array(curve))
    if fitted[-1] < target - 1e-9:
        assert math.isinf(found)
        return
    grid = np.linspace(labels[0], labels[-1], 20_001)
    reached = grid[np.interp(grid, labels, fitted) >= target - 1e-9]
    assert found == pytest.approx(reached[0], abs=0.05 + 1e-6 * labels[-1])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_holm_by_its_definition(p):
    found = holm(p)
    m = len(p)
    for i in range(m):
        # Rejected at a level if every one of the smaller ones is, too.
        ranks = sorted(range(m), key=lambda j: p[j])
        expected = max(p[j] * (m - ranks.index(j)) for j in ranks[: ranks.index(i) + 1])
        assert found[i] == pytest.approx(min(1.0, expected))


def test_area_is_the_mean_over_the_course():
    assert area(np.array([[0.0, 0.5, 1.0], [0.2, 0.2, 0.2]])) == pytest.approx([0.5, 0.2])


@given(
    st.integers(2, 8).flatmap(
        lambda n: st.lists(st.tuples(ACCURACY, ACCURACY), min_size=n, max_size=n)
    )
)
def test_a_paired_difference_is_that_of_a_t_test(pairs):
    a, b = (np.array(side)[:, None] for side in zip(*pairs, strict=True))
    found = difference(a, b)
    values = (a - b)[:, 0]
    assert found.mean == pytest.approx(values.mean())
    assert found.error == pytest.approx(stats.sem(values), abs=1e-12)
    if found.error > 1e-9:
        assert found.p == pytest.approx(stats.ttest_rel(a[:, 0], b[:, 0]).pvalue)


@pytest.mark.parametrize(("a", "p"), [([0.5, 0.5], 1.0), ([0.6, 0.6], 0.0)])
def test_differences_that_are_all_the_same(a, p):
    found = difference(np.array(a)[:, None], np.array([[0.5], [0.5]]))
    assert (found.error, found.p) == (0.0, p)


def test_one_seed_says_nothing_of_chance():
    found = difference(np.array([[0.9]]), np.array([[0.1]]))
    assert (found.mean, found.p) == (0.8, 1.0)
    assert math.isnan(found.error)


def test_the_interval_is_that_of_all_draws_of_the_seeds():
    random = np.random.default_rng(0)
    labels = [10, 20, 30, 40]
    curves = np.sort(random.uniform(0.3, 0.9, (3, 4)), axis=1)
    baseline = np.sort(random.uniform(0.3, 0.8, (3, 4)), axis=1)
    found = labels_to_baseline(curves, baseline, labels)
    draws = [list(seeds) for seeds in product(range(3), repeat=3)]
    every = sorted(
        labels_to(rising(baseline[s].mean(0))[-1], curves[s].mean(0), labels) for s in draws
    )
    assert found.value == labels_to(baseline.mean(0)[-1], curves.mean(0), labels)
    assert found.low in every[:2]  # 1/27 is 3.7 %
    assert found.high in every[-2:]


def test_a_strategy_that_is_the_baseline_ends_where_it_ends():
    curves = np.array([[0.1, 0.2, 0.3], [0.2, 0.3, 0.4]])
    found = labels_to_baseline(curves, curves, [5, 10, 15])
    assert (found.value, found.low, found.high) == (15, 15, 15)


def test_what_is_never_reached_is_infinite():
    found = labels_to_baseline(np.array([[0.1, 0.2]] * 4), np.array([[0.5, 0.6]] * 4), [5, 10])
    assert (found.value, found.low, found.high) == (math.inf,) * 3


def test_an_interval_holds_the_truth_as_often_as_it_says(monkeypatch):
    """Of courses whose truth is known, ten seeds each: at least eight of ten intervals hold it."""
    monkeypatch.setattr(statistics, "RESAMPLES", 300)
    labels, random, held = [20, 40, 60, 80, 100], np.random.default_rng(1), 0
    base = np.array([0.3, 0.4, 0.5, 0.6, 0.7])
    for _ in range(40):
        noise = random.normal(0, 0.02, (2, 10, 1)) + random.normal(0, 0.01, (2, 10, 5))
        found = labels_to_baseline(base + 0.1 + noise[0], base + noise[1], labels)
        held += found.low <= 80 <= found.high
    assert held >= 32
