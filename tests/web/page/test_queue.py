"""The queue as pictures."""

import json

import pytest

from fishermask_backend.images.thumbnails import Thumbnails
from fishermask_backend.store import queues, rounds
from fishermask_backend.store.schema import Round
from fishermask_backend.web.page.queue import pictures
from fishermask_backend.web.why import AUDIT
from tests.store.stored import change


def test_the_queue_in_its_order_with_guesses(store, served, tmp_path):
    file = Thumbnails(tmp_path / "thumbnails")
    file.put({1: b"of task 2"})
    with store.read() as session:
        found = pictures(session, served, queues.active(session, served.id), file)
    assert [(p.task_id, p.place, p.row) for p in found] == [(2, 1, 1), (1, 2, None)]
    assert [p.audit for p in found] == [False, False]
    assert [p.why for p in found] == [(), ()]  # of a round that stored none
    (thought,) = found[0].thoughts
    assert thought.control == ""
    (best, p), (second, q) = thought.guesses
    assert {best, second} == {"cat", "dog"}
    assert p >= q
    assert p + q == pytest.approx(1, abs=1e-5)


def test_what_was_drawn_at_random_is_marked(store, served, tmp_path):
    with store.begin() as session:
        queue = queues.active(session, served.id)
        queue.audit = [1]
        many = {"part": "many", "value": 2.0, "above": 0.9}
        for score in rounds.scores_of(session, queue.round_id, [1, 2]).values():
            score.why = [many]
        found = pictures(session, served, queue, Thumbnails(tmp_path / "none"))
    assert [(p.task_id, p.audit) for p in found] == [(2, False), (1, True)]
    assert [p.why[0]["why"] for p in found] == ["stands for many", AUDIT]


def test_what_is_labelled_is_not_shown(store, served, work, tmp_path):
    change(work, [2], annotated=True, answer=json.dumps(["cat"]))
    with store.read() as session:
        queue = queues.active(session, served.id)
        found = pictures(session, served, queue, Thumbnails(tmp_path / "none"))
        assert [(p.task_id, p.place) for p in found] == [(1, 2)]
        assert pictures(session, served, None, Thumbnails(tmp_path / "none")) == []


def test_several_controls_are_named(store, served, tmp_path):
    with store.begin() as session:
        queue = queues.active(session, served.id)
        made = session.get_one(Round, queue.round_id)
        made.heads = [
            {"control": c, "classes": [n], "likelihood": "bernoulli", "trained": True}
            for c, n in (("a", "x"), ("b", "y"))
        ]
        made.classes, made.likelihood = ["a: x", "b: y"], "joint"
        session.flush()
        found = pictures(session, served, queue, Thumbnails(tmp_path / "none"))
    assert [thought.control for thought in found[0].thoughts] == ["a", "b"]
    assert [thought.guesses[0][0] for thought in found[0].thoughts] == ["x", "y"]
