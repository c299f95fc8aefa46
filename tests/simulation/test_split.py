"""Cuts of images into pool and held-out part."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fishermask_backend.simulation.split import draw, split

LABELS = st.lists(st.integers(0, 6), min_size=2, max_size=80).map(np.array)


@given(LABELS, st.integers(0, 5))
def test_every_image_is_in_one_part_and_a_fifth_of_each_class_is_held_out(labels, seed):
    cut = split(labels, seed, imbalanced=False)
    assert sorted([*cut.pool, *cut.test]) == list(range(len(labels)))
    for label in np.unique(labels):
        count = int((labels == label).sum())
        held = int((labels[cut.test] == label).sum())
        assert held == (max(1, round(count / 5)) if count > 1 else 0)


@given(LABELS, st.integers(0, 5))
def test_in_an_imbalanced_pool_half_of_the_classes_keep_a_tenth(labels, seed):
    whole, cut = (split(labels, seed, imbalanced=which) for which in (False, True))
    assert np.array_equal(whole.test, cut.test)
    assert set(cut.pool) <= set(whole.pool)
    rare = 0
    for label in np.unique(labels):
        before, after = (int((labels[each.pool] == label).sum()) for each in (whole, cut))
        assert after in {before, max(1, round(before / 10))}
        rare += after < before
    assert rare <= len(np.unique(labels)) // 2


def test_half_of_large_classes_are_rare():
    labels = np.repeat(np.arange(10), 100)
    counts = np.bincount(labels[split(labels, 3, imbalanced=True).pool])
    assert sorted(counts) == [8] * 5 + [80] * 5


def test_seeds_are_other_cuts_and_the_same_seed_the_same():
    labels = np.repeat(np.arange(4), 25)
    cuts = [split(labels, seed, imbalanced=True) for seed in (0, 0, 1)]
    assert np.array_equal(cuts[0].pool, cuts[1].pool)
    assert not np.array_equal(cuts[0].test, cuts[2].test)


@pytest.mark.parametrize(("count", "pool", "drawn"), [(1000, 80, 100), (50, 80, 50), (3, 2, 3)])
def test_drawn_is_a_pool_and_a_quarter_as_many(count, pool, drawn):
    chosen = draw(count, pool)
    assert len(set(chosen)) == drawn
    assert chosen.tolist() == sorted(chosen)
    assert set(chosen) <= set(range(count))


def test_a_larger_pool_has_the_images_of_a_smaller():
    assert set(draw(1000, 100)) < set(draw(1000, 400))
