"""Classes: labels, guesses of the rest, accuracy; and what is mixed up."""

import json

import numpy as np
import pytest

from fishermask_backend.controls.heads import Head
from fishermask_backend.store import pool, rounds
from fishermask_backend.web.page.audits import Audit
from fishermask_backend.web.page.classes import class_rows, guesses, worst_pairs

AUDITED = {
    "per_class": [
        {"class": "cat", "labels": 9, "accuracy": 0.9, "interval": [0.6, 0.98]},
        {"class": "dog", "labels": 4, "accuracy": 0.25, "interval": [0.05, 0.7]},
    ],
    "confusion": [
        {"label": "cat", "guess": "cat", "labels": 8},
        {"label": "dog", "guess": "cat", "labels": 3},
        {"label": "cat", "guess": "dog", "labels": 1},
    ],
}
AUDIT = Audit("", AUDITED, None)


@pytest.fixture
def rows(store, served):
    """The classes of a project with a label «cat» and one of a class that is asked no more."""

    def look(*audits):
        with store.begin() as session:
            tasks = pool.tasks_by_id(session, served.id, [1, 4])
            tasks[1].answer, tasks[4].answer = json.dumps(["cat"]), json.dumps(["bird"])
            return class_rows(session, served, rounds.active(session, served.id), audits)

    return look


def test_labels_and_guesses_are_counted(rows):
    found = {row.name: (row.labels, row.guessed) for row in rows()}
    assert found["cat"][0] == found["bird"][0] == 1
    assert found["dog"][0] == 0
    assert found["cat"][1] + found["dog"][1] == 2  # of 2 and 3; 4 is not scored


def test_the_weakest_come_first(rows):
    assert [row.name for row in rows(AUDIT)] == ["dog", "cat", "bird"]
    assert (rows(AUDIT)[0].accuracy, rows(AUDIT)[0].interval) == (0.25, (0.05, 0.7))
    assert rows()[0].name == "dog"  # without an audit, what is labelled least


def test_before_a_classifier_nothing_is_guessed(store, project):
    with store.read() as session:
        assert class_rows(session, project, None, []) == []


def test_pairs_are_those_that_differ():
    assert [(p.labelled, p.guessed, p.count) for p in worst_pairs([AUDIT])] == [
        ("dog", "cat", 3), ("cat", "dog", 1),
    ]  # fmt: skip
    assert worst_pairs([Audit("", None, None)]) == []


def test_each_control_has_guesses_of_its_own():
    heads = [
        Head("animal", ("cat", "dog"), "categorical"),
        Head("marks", ("spot", "stripe"), "bernoulli"),
    ]
    probabilities = np.array([[0.9, 0.1, 0.6, 0.7], [0.2, 0.8, 0.1, 0.9]], np.float32)
    assert guesses(heads, probabilities) == {
        "animal: cat": 1, "animal: dog": 1, "marks: spot": 1, "marks: stripe": 2,
    }  # fmt: skip
