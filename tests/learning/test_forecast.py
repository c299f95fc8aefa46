"""What more labels would bring."""

import numpy as np
import pytest

from fishermask_backend.learning.forecast import MORE, Past, forecast, gains_of


def curve(power, level=0.5, labels=(40, 80, 120, 160, 200), audit=lambda n: n / 10):
    """A course whose wrong part falls by a power, and is estimated without an error."""
    return [Past(n, 1 - level * (n / 40) ** -power, audit(n)) for n in labels]


def many(labels):
    return 1e5


@pytest.mark.parametrize("power", [0.15, 0.35, 0.7])
def test_of_a_curve_that_is_known_it_is_what_the_curve_brings(power):
    past = curve(power, audit=many)
    found = forecast(past, left=1000)
    truth = 0.5 * (5**-power - (300 / 40) ** -power)
    assert found["gain"] == pytest.approx(truth, rel=0.05)
    assert found["labels"] == MORE
    low, high = found["interval"]
    assert low <= truth + 0.002
    assert high >= truth - 0.002
    assert high - low < 0.02


def test_little_is_known_of_few_labels_and_more_of_more():
    few = forecast(curve(0.35), left=1000)["interval"]
    more = forecast(curve(0.35, audit=lambda n: 10 * n), left=1000)["interval"]
    assert few[1] - few[0] > 1.5 * (more[1] - more[0])
    assert few[0] < more[0] < more[1] < few[1]


def test_a_curve_that_has_flattened_needs_no_more():
    flat = [Past(n, 0.9, 200) for n in range(100, 800, 100)]
    found = forecast(flat, left=1000)
    assert found["advice"] == "little more to gain"
    assert found["sentence"].startswith("Now 90% (85% – 93%) of the rest would be right. 100 more ")
    steep = [Past(n, 1 - 20 / n, 200) for n in range(40, 160, 20)]
    assert forecast(steep, left=1000)["advice"] == "go on"


def test_of_very_few_audit_labels_nothing_is_said():
    found = forecast([Past(40, 0.75, 4)], left=1000)
    assert found["advice"] == "too early to say"
    assert found["sentence"].endswith("would be right, by very few audit labels yet.")


def test_no_more_than_is_left():
    past = curve(0.35, audit=many)
    few = forecast(past, left=30)
    assert few["labels"] == 30
    assert few["gain"] < forecast(past, left=1000)["gain"]
    done = forecast(past, left=0)
    assert (done["advice"], done["sentence"][-22:]) == ("all is labelled", ", but nothing is left.")


@pytest.mark.parametrize("accuracy", [0.0, 1.0])
def test_all_right_or_all_wrong_is_no_trouble(accuracy):
    found = forecast([Past(n, accuracy, n / 10) for n in (20, 20, 400)], left=50)
    assert np.isfinite([found["gain"], *found["interval"]]).all()
    assert found["interval"][0] <= found["gain"] <= found["interval"][1]


def test_estimates_that_err_alike_are_not_taken_for_many():
    """Ten rounds with the same audit labels know no more of the level than one."""
    alone, often = [Past(200, 0.7, 50)], [Past(200, 0.7, 50)] * 10
    spreads = []
    for past in (alone, often):
        gains, weights = gains_of(past, 100)
        mean = gains @ weights
        spreads.append(np.sqrt((gains - mean) ** 2 @ weights))
    assert spreads[1] > 0.8 * spreads[0]
