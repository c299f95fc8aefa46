import time

import numpy as np

from fishermask_backend.store import rounds
from fishermask_backend.store.rounds import Scored

from .stored import new_round, publish, put

BOTH_DATABASES = True
WHY = [{"part": "uncertain", "value": 0.5, "above": 0.75}]


def test_scores_come_back_in_order_with_probabilities(store, project_id):
    scores = [
        Scored(1, 0.5, 0.1, np.array([0.25, 0.75])),
        Scored(2, 0.0, 0.9, None, WHY),
        Scored(3, 0.25, 0.5, np.array([1.0, 0.0])),
    ]
    made = put(store, project_id, scores=scores)
    with store.read() as session:
        assert rounds.order(session, made.id) == [2, 3, 1]
        found = rounds.scores_of(session, made.id, [1, 2, 99])
        assert set(found) == {1, 2}
        assert rounds.class_probabilities(made, found[1]) == {"cat": 0.25, "dog": 0.75}
        assert rounds.class_probabilities(made, found[2]) == {}
        assert (found[1].why, found[2].why) == (None, WHY)


def test_a_round_half_stored_is_not_seen_and_goes(store, project_id):
    put(store, project_id, 1)
    with store.begin() as session:
        unfinished = new_round(project_id, 2)
        rounds.open_round(session, unfinished)
        rounds.put_scores(session, unfinished.id, [Scored(1, 0.5, 0.1, None)])
    with store.begin() as session:
        assert rounds.latest(session, project_id).number == 1
        assert [r.number for r in rounds.history(session, project_id)] == [1]
        rounds.drop_unfinished(session, project_id)
        assert rounds.next_number(session, project_id, []) == 2
        assert rounds.every_score(session, unfinished.id) == []


def test_numbers_go_on_above_what_label_studio_still_has(store, project_id):
    put(store, project_id, 3)
    with store.read() as session:
        assert rounds.next_number(session, project_id) == 4
        assert rounds.next_number(session, project_id, ["fishermask-9.2", "sam"]) == 10


def test_prune_keeps_the_serving_rounds_scores_and_those_of_the_queues_before(store, project_id):
    of_all = [Scored(i, 0.0, 0.0, None) for i in (1, 2)]
    one, two, three = [
        put(store, project_id, number, of_all, scorer=f"s{number}", weights=f"w{number}")
        for number in (1, 2, 3)
    ]
    for made in (one, two, three):
        publish(store, made, [2])
    with store.begin() as session:
        rounds.prune(session, project_id)
        kept = [(r.weights, r.scorer) for r in rounds.history(session, project_id)]
        assert kept == [("w1", None), ("w2", None), ("w3", "s3")]
        assert [rounds.order(session, r.id) for r in (one, two, three)] == [[], [2], [1, 2]]


def test_requests_are_asked_once(store, project_id):
    with store.begin() as session:
        rounds.ask_scores(session, project_id, [5, 6, 5])
        rounds.ask_scores(session, project_id, [6])
        assert rounds.requested(session, project_id)
        rounds.drop_score_requests(session, project_id)
        assert not rounds.requested(session, project_id)


def test_how_long_rounds_serve(store, project_id):
    def seconds():
        with store.read() as session:
            return round(rounds.serving_seconds(session, project_id))

    now = time.time()
    assert seconds() == 0
    put(store, project_id, 1, active_at=now - 100)
    assert seconds() == 100
    put(store, project_id, 2, active_at=now - 30)
    assert seconds() == 70  # the one before
    put(store, project_id, 3)  # not served yet
    assert seconds() == 70
    put(store, project_id, 4, active_at=now - 20)
    assert seconds() == 20
