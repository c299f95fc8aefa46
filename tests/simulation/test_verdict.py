"""The verdict, in words."""

import math

import numpy as np
import pytest

from fishermask_backend.simulation.findings import find
from fishermask_backend.simulation.statistics import Estimate
from fishermask_backend.simulation.verdict import beyond_chance, labels, saved
from tests.simulation.made_points import courses

RANDOM = [[0.30, 0.40, 0.50, 0.60]] * 3


def found(**curves):
    names = [name.replace("_", "-") for name in curves]
    return find(courses(dict(zip(names, curves.values(), strict=True))), names, 4, 3)


def shifted(by, noise=0.0):
    """Random's curves and something more, a little different from seed to seed."""
    return [[v + by + noise * seed for v in curve] for seed, curve in enumerate(RANDOM, start=-1)]


def test_it_says_with_how_many_labels_random_s_accuracy_is_reached():
    result = found(fishermask=shifted(0.2), margin=shifted(0.1), random=RANDOM)
    assert saved(result, "flowers") == (
        "On flowers, FisherMask reaches random's 40-label accuracy (60.0%) with 20 labels (95 %: 20 – "
        "20), margin with 30 (95 %: 30 – 30)."
    )


def test_it_says_what_is_not_reached():
    result = found(fishermask=shifted(0.1), margin=shifted(-0.1), random=RANDOM)
    assert saved(result, "flowers").endswith(
        "with 30 labels (95 %: 30 – 30), margin not within 40."
    )
    result = found(margin=shifted(-0.1), entropy=shifted(-0.1), random=RANDOM)
    assert saved(result, "flowers") == (
        "On flowers, margin and entropy did not reach random's 40-label accuracy (60.0%) within 40 "
        "labels."
    )


def test_of_many_strategies_the_best_are_named():
    rivals = {name: shifted(0.1 + 0.01 * i) for i, name in enumerate("abcdef")}
    sentence = saved(found(**rivals, random=RANDOM), "flowers")
    assert "f reaches random's" in sentence
    assert sentence.endswith(", b and a with more.")


def test_random_alone():
    result = found(random=RANDOM)
    assert saved(result, "flowers") == "On flowers images in random order alone were tried."
    assert beyond_chance(result) == "There is nothing to compare it with."


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (18.4, 31.6, "25 labels (95 %: 18 – 32)"),
        (18, math.inf, "25 labels (95 %: 18 – more than 40)"),
    ],
)
def test_an_interval_ends_where_nothing_was_looked_at(low, high, text):
    assert labels(Estimate(25, low, high), 40, " labels") == text
    assert labels(Estimate(math.inf, math.inf, math.inf), 40) == "more than 40"


def test_what_is_beyond_chance_and_what_is_not():
    result = found(fishermask=shifted(0.1, 0.001), margin=shifted(0.01, 0.05), random=RANDOM)
    assert beyond_chance(result) == (
        "Over the whole course FisherMask is 10.0 ± 0.1 points more accurate than random (3 seeds, "
        "corrected for 3 comparisons); that margin is 1.0 ± 2.9 points more accurate than random and "
        "FisherMask is 9.0 ± 2.8 points more accurate than margin may be chance."
    )


def test_where_all_may_be_chance():
    result = found(margin=shifted(-0.01, 0.05), random=RANDOM)
    assert beyond_chance(result) == (
        "Over the whole course no difference is beyond chance (3 seeds, corrected for one comparison; "
        "--seeds 10 would tell more): margin is 1.0 ± 2.9 points less accurate than random."
    )


def test_one_seed_says_nothing():
    points = courses({"margin": RANDOM[:1], "random": RANDOM[:1]})
    result = find(points, ["margin", "random"], 4, 1)
    assert beyond_chance(result) == (
        "Of one seed nothing can be said of chance: ask for ten by --seeds 10."
    )
    assert np.isnan(result.to_baseline[0].found.error)
