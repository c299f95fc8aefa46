"""What a round says of labels that came after it."""

import json

import numpy as np
import pytest

from fishermask_backend.store import pool, validation
from fishermask_backend.store.rounds import Scored
from tests.conftest import publish_round


def scored(task, *probabilities):
    return Scored(task, 0.75, 0.1, np.array(probabilities))


@pytest.fixture
def say(store, project):
    """Labels tasks: what they say now, and what they said when the round was trained."""

    def settle(answers, trained=()):
        with store.begin() as session:
            for i, task in pool.tasks_by_id(session, project.id, list(answers)).items():
                task.answer = json.dumps(sorted(answers[i]))
                task.trained = task.answer if i in trained else None

    return settle


def check(store, latest):
    with store.read() as session:
        return validation.check(session, latest)


def test_single_choice(store, project, say):
    rest = [scored(3, 0.2, 0.8), scored(4, 0.6, 0.4)]
    latest = publish_round(store, project, [2, 1], rest)  # 1 and 2 are cats, it says
    assert check(store, latest) == (0, 0)
    say({1: ["cat"], 3: ["dog"], 4: ["dog"]})
    assert check(store, latest) == (3, 2)
    say({1: ["cat"], 2: ["cat"]}, trained=[1])
    assert check(store, latest) == (3, 2)


def test_several_choices_agree_only_as_a_whole(store, project, say):
    rest = [scored(1, 0.9, 0.8), scored(2, 0.9, 0.8), scored(3, 0.1, 0.2), scored(4, 0.1, 0.7)]
    latest = publish_round(store, project, [], rest, likelihood="bernoulli")
    say({1: ["dog", "cat"], 2: ["cat"], 3: [], 4: ["dog"]})
    assert check(store, latest) == (4, 3)


def test_cold_start_predicts_nothing(store, project, say):
    latest = publish_round(store, project, [], [Scored(1, 0.1, 1.0, None)])
    say({1: ["cat"]})
    assert check(store, latest) == (0, 0)


def test_other_projects_and_rounds_do_not_count(store, project, say):
    publish_round(store, project, [2, 1])
    latest = publish_round(store, project, [3])
    say({1: ["cat"], 2: ["cat"], 3: ["cat"]})
    assert check(store, latest) == (1, 1)
