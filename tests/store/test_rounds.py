import time

import numpy as np
import pytest

from fishermask_backend.store import projects, rounds
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import Queue, Round


@pytest.fixture
def project_id(store):
    with store.begin() as session:
        return projects.register(session, "http://ls", 1, 1000).id


def new_round(project_id, number=1, **more):
    now = time.time()
    fields = {
        "project_id": project_id,
        "number": number,
        "acquisition": "fishermask",
        "state": "computed",
        "labels": 20,
        "pool": 3,
        "classes": ["cat", "dog"],
        "likelihood": "categorical",
        "inputs_key": "k",
        "triggered_at": now,
        "started_at": now,
        "computed_at": now,
        "seconds": {},
        "notes": [],
    }
    return Round(**(fields | more))


def put(store, project_id, number=1, scores=(), **more):
    with store.begin() as session:
        made = new_round(project_id, number, **more)
        rounds.put_round(session, made, scores)
        return made


def publish(store, source, tasks=(3, 1, 2)):
    with store.begin() as session:
        queue = rounds.open_queue(session, source, tasks)
        rounds.mark_imported(session, queue.id)
        rounds.activate(session, queue.id)
        return queue.version


def test_scores_come_back_in_order_with_probabilities(store, project_id):
    scores = [
        Scored(1, 0.5, 0.1, np.array([0.25, 0.75])),
        Scored(2, 0.0, 0.9, None),
        Scored(3, 0.25, 0.5, np.array([1.0, 0.0])),
    ]
    made = put(store, project_id, scores=scores)
    with store.read() as session:
        assert rounds.order(session, made.id) == [2, 3, 1]
        found = rounds.scores_of(session, made.id, [1, 2, 99])
        assert set(found) == {1, 2}
        assert rounds.class_probabilities(made, found[1]) == {"cat": 0.25, "dog": 0.75}
        assert rounds.class_probabilities(made, found[2]) == {}


def test_every_publishing_has_a_version_of_its_own(store, project_id):
    made = put(store, project_id)
    versions = [publish(store, made) for _ in range(3)]
    assert versions == ["fishermask-1", "fishermask-1.2", "fishermask-1.3"]
    with store.read() as session:
        states = [q.state for q in rounds.queues(session, project_id)]
        assert states == ["superseded", "superseded", "active"]
        assert rounds.answered_version(session, project_id) == "fishermask-1.3"


def test_an_import_that_was_cut_off_is_not_resumed(store, project_id):
    made = put(store, project_id)
    with store.begin() as session:
        rounds.open_queue(session, made, [1])
    assert publish(store, made) == "fishermask-1.2"
    with store.read() as session:
        assert [q.state for q in rounds.queues(session, project_id)] == ["superseded", "active"]


def test_an_activated_round_supersedes_the_one_before(store, project_id):
    first = put(store, project_id)
    publish(store, first)
    second = put(store, project_id, 2)
    with store.read() as session:
        assert rounds.active(session, project_id).number == 1  # goes on serving
    publish(store, second)
    with store.read() as session:
        assert [r.state for r in rounds.history(session, project_id)] == ["superseded", "active"]


def test_numbers_go_on_above_what_label_studio_still_has(store, project_id):
    put(store, project_id, 3)
    with store.read() as session:
        assert rounds.next_number(session, project_id) == 4
        assert rounds.next_number(session, project_id, ["fishermask-9.2", "sam"]) == 10


def test_prune_keeps_the_serving_rounds_scores_only(store, project_id):
    one = put(store, project_id, 1, [Scored(1, 0.0, 0.0, None)], scorer="a", weights="w")
    publish(store, one)
    two = put(store, project_id, 2, [Scored(1, 0.0, 0.0, None)], scorer="b", weights="x")
    publish(store, two)
    with store.begin() as session:
        assert rounds.prune(session, project_id) == ["a"]
        assert rounds.order(session, one.id) == []
        assert rounds.order(session, two.id) == [1]


def test_queues_are_outdated_only_once_superseded_long_ago(store, project_id):
    made = put(store, project_id)
    publish(store, made)
    publish(store, made)
    with store.begin() as session:
        assert rounds.outdated_queues(session, project_id, time.time() - 60) == []
        first = session.get_one(Queue, 1)
        first.superseded_at = time.time() - 120
        session.flush()
        assert [
            q.version for q in rounds.outdated_queues(session, project_id, time.time() - 60)
        ] == ["fishermask-1"]


def test_requests_are_asked_once(store, project_id):
    with store.begin() as session:
        rounds.ask_scores(session, project_id, [5, 6, 5])
        rounds.ask_scores(session, project_id, [6])
        assert rounds.requested(session, project_id)
        rounds.answer_requests(session, project_id)
        assert not rounds.requested(session, project_id)
