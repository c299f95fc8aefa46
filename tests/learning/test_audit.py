"""What a round draws at random, and where it stands in a queue."""

from collections import Counter
from itertools import pairwise

import pytest

from fishermask_backend.learning.audit import Draw

POOL = list(range(100, 300))


@pytest.mark.parametrize(("share", "drawn"), [(0.0, 0), (0.1, 6), (0.25, 15), (0.5, 30)])
def test_a_share_of_the_queue_is_drawn_and_the_rest_is_the_strategy_s(share, drawn):
    queue, audit = Draw(share, 0, 1).mixed(POOL, 60)
    assert (len(queue), len(set(queue)), len(audit)) == (60, 60, drawn)
    assert set(audit) <= set(queue)
    left = [each for each in queue if each not in audit]
    assert left == [each for each in POOL if each not in audit][: 60 - drawn]


def test_they_stand_evenly_among_the_others():
    queue, audit = Draw(0.1, 0, 3).mixed(POOL, 60)
    places = [queue.index(each) for each in audit]
    assert {b - a for a, b in pairwise(places)} == {10}


def test_a_round_goes_on_with_what_it_has_drawn():
    draw = Draw(0.1, 0, 1)
    _, first = draw.mixed(POOL, 60)
    again = [each for each in POOL if each not in first[:2]]  # these are labelled
    _, second = draw.mixed(again[::-1], 60)  # whatever the order
    assert second[:4] == first[2:]


def test_every_image_is_as_likely_and_comes_as_early_whatever_the_strategy_wants():
    drawn, places = Counter(), Counter()
    for number in range(3000):
        queue, audit = Draw(0.2, 7, number).mixed(POOL[:20], 10)
        drawn.update(audit)
        places.update(queue.index(each) for each in audit if each == 100)
    assert min(drawn.values()) > 230  # 300 of 3000, five deviations
    assert max(drawn.values()) < 370
    assert set(places) == set(range(10))  # the strategy's first does not come first


def test_a_short_pool_is_queued_whole():
    queue, audit = Draw(0.5, 0, 0).mixed([5, 6, 7], 60)
    assert sorted(queue) == [5, 6, 7]
    assert len(audit) in (1, 2)
    assert Draw(0.5, 0, 0).mixed([], 60) == ([], [])


def test_other_rounds_and_seeds_draw_others():
    drawn = {tuple(Draw(0.1, s, n).mixed(POOL, 60)[1]) for s in (0, 1) for n in (1, 2)}
    assert len(drawn) == 4
