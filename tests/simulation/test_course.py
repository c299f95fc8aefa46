"""A course is live rounds: the same code, the same order, the same network."""

import numpy as np
import pytest
import torch

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.learning.classifier import probabilities
from fishermask_backend.learning.cold_start import first_order
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.learning.strategies import STRATEGIES
from fishermask_backend.settings import Settings
from fishermask_backend.simulation.course import Course, Problem, drawn_order, spec_of
from fishermask_backend.simulation.split import Split
from tests.round_problem import lite0

CLASSES, ROUNDS, K = 3, 3, 5
SETTINGS = Settings(batch_size=K, queue_margin=0, seed=2, mask_inner=20)


@pytest.fixture(scope="module")
def backbone():
    return lite0()


@pytest.fixture
def problem(backbone):
    return made(backbone, np.arange(60) % CLASSES)


def made(backbone, labels, pool=45):
    random = np.random.default_rng(0)
    centres = random.normal(size=(CLASSES, *backbone.row_shape))
    rows = centres[labels] + random.normal(size=(len(labels), *backbone.row_shape))
    order = random.permutation(len(labels))
    cut = Split(order[:pool], order[pool:])
    return Problem(torch.tensor(rows).float(), labels, cut, spec_of(CLASSES), backbone)


def course(problem, name="margin", settings=SETTINGS):
    return Course(problem, name, STRATEGIES[name], settings)


def untimed(points):
    """Everything but the seconds."""
    times = ("order_seconds", "train_seconds", "cpu_seconds")
    return [{k: v for k, v in vars(each).items() if k not in times} for each in points]


@pytest.mark.parametrize("name", ["margin", "fishermask"])
def test_its_rounds_are_those_of_a_project(problem, backbone, name):
    found = list(course(problem, name).points(ROUNDS, []))
    pool, test = problem.split.pool, problem.split.test
    rows, answers, trained = problem.rows[pool], [None] * len(pool), None
    for point in found:
        servable = torch.tensor([answer is None for answer in answers])
        if trained is None:
            order = first_order(rows, servable, SETTINGS)
        else:
            order = STRATEGIES[name].order(trained, SETTINGS, lambda stage: None)
        picks = order.scores.argsort(stable=True)[:K].tolist()
        assert point.picked == tuple(pool[picks])
        for place in picks:
            answers[place] = answer_text([str(problem.labels[pool[place]])])
        servable = torch.tensor([answer is None for answer in answers])
        trained = Lesson(rows, answers, servable).learn(problem.spec.heads, backbone, SETTINGS)
        guesses = probabilities(trained.model, problem.rows[test], "categorical").argmax(1).numpy()
        right = guesses == problem.labels[test]
        assert point.accuracy == right.mean()
        each = [right[problem.labels[test] == label].mean() for label in range(CLASSES)]
        assert point.balanced_accuracy == pytest.approx(np.mean(each))
    assert [point.labels for point in found] == [5, 10, 15]
    assert len({image for point in found for image in point.picked}) == 15
    assert all(image in pool for point in found for image in point.picked)


def test_it_goes_on_after_any_round_as_if_nothing_had_been(problem):
    whole = list(course(problem).points(ROUNDS, []))
    for done in range(1, ROUNDS + 1):
        rest = list(course(problem).points(ROUNDS, whole[:done]))
        assert untimed(rest) == untimed(whole[done:])


def test_all_strategies_begin_alike_and_seeds_differ(problem):
    first = {next(course(problem, name).points(1, [])).picked for name in ("margin", "random")}
    assert len(first) == 1
    other = SETTINGS.model_copy(update={"seed": 3})
    points = [list(course(problem, "random", each).points(2, [])) for each in (SETTINGS, other)]
    assert points[0][1].picked != points[1][1].picked


def test_a_course_may_begin_at_random_and_strategies_alike_then_too(problem):
    def first(name, settings=SETTINGS, **begins):
        drawn = Course(problem, name, STRATEGIES[name], settings, **begins)
        return next(drawn.points(1, [])).picked

    found = first("margin", first=drawn_order)
    assert found == first("random", first=drawn_order)
    assert len({*found}) == K
    assert {*found} <= {*problem.split.pool}
    assert {*found} != {*first("margin")}
    assert found != first("margin", SETTINGS.model_copy(update={"seed": 3}), first=drawn_order)


def test_until_two_classes_are_labelled_it_goes_on_with_the_cold_start(backbone):
    labels = np.array([0] * 55 + [1] * 5)
    problem = made(backbone, labels)
    common = problem.split.pool[problem.labels[problem.split.pool] == 0]
    test = np.concatenate([np.flatnonzero(labels == 1)[:2], problem.split.test])
    problem = Problem(problem.rows, labels, Split(common, test), problem.spec, backbone)
    found = list(course(problem).points(2, []))
    share = float((labels[test] == 0).mean())
    assert [(each.classes_found, each.balanced_accuracy, each.accuracy) for each in found] == [
        (1, 0.5, share),
        (1, 0.5, share),
    ]
    assert not set(found[0].picked) & set(found[1].picked)


def test_the_last_round_may_take_the_whole_pool(backbone):
    problem = made(backbone, np.arange(20) % CLASSES, pool=12)
    found = list(course(problem).points(3, []))
    assert [each.labels for each in found] == [5, 10, 12]
