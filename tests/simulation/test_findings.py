"""From points to figures."""

import numpy as np
import pytest

from fishermask_backend.simulation.findings import find
from fishermask_backend.simulation.statistics import holm
from tests.simulation.made_points import courses

CURVES = {
    "fishermask": [[0.4, 0.7, 0.8], [0.5, 0.6, 0.9], [0.4, 0.8, 0.9]],
    "margin": [[0.4, 0.6, 0.8], [0.5, 0.7, 0.8], [0.4, 0.7, 0.9]],
    "random": [[0.4, 0.5, 0.6], [0.5, 0.5, 0.7], [0.4, 0.5, 0.6]],
}
NAMES = [*CURVES]


def test_figures_are_of_the_points():
    found = find(courses(CURVES), NAMES, 3, 3)
    assert [each.name for each in found.figures] == ["fishermask", "margin", "random"]
    assert (found.labels, found.seeds) == ([10, 20, 30], [0, 1, 2])
    first = found.of("fishermask")
    assert np.array_equal(first.balanced, CURVES["fishermask"])
    assert first.plain == pytest.approx(first.balanced + 0.01)
    assert first.area == pytest.approx(np.mean(CURVES["fishermask"]))
    assert first.classes_found == 3
    assert first.seconds == (0.625, 0.5)  # choosing: of rounds 2 and 3; the first is a cold start
    assert first.cpu_seconds == 0.125
    assert found.of("random").reaches is None


def test_comparisons_are_with_random_and_with_the_first_corrected_together():
    found = find(courses(CURVES), NAMES, 3, 3)
    every = [*found.to_baseline, *found.to_first]
    assert [(each.name, each.other) for each in every] == [
        ("fishermask", "random"),
        ("margin", "random"),
        ("fishermask", "margin"),
    ]
    assert [each.p for each in every] == holm([each.found.p for each in every])
    mean = np.mean(CURVES["fishermask"]) - np.mean(CURVES["margin"])
    assert every[2].found.mean == pytest.approx(mean)
    only = find(courses(CURVES), ["random", "margin"], 3, 3)
    assert [(each.name, each.other) for each in only.to_baseline] == [("margin", "random")]
    assert not only.to_first


def test_seeds_that_are_not_whole_are_left_out():
    points = courses(CURVES)
    points["margin", 1] = points["margin", 1][:2]
    assert find(points, NAMES, 3, 3).seeds == [0, 2]
    assert find(points, NAMES, 2, 3).seeds == [0, 1, 2]
    assert find(points, NAMES, 4, 3) is None


def test_a_note_is_told_once():
    points = courses(CURVES)
    for seed in range(3):
        for number, each in enumerate(points["margin", seed]):
            object.__setattr__(each, "notes", ("always", f"round {number}"))
    found = find(points, NAMES, 3, 3)
    assert found.notes == ["margin: always (and 3 like it)"]
