"""Labels that look wrong, from being listed to being answered."""

import json

import pytest

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.controls.heads import Head, stored_heads
from fishermask_backend.store import doubts, pool, projects
from fishermask_backend.store.doubts import Listed
from tests.store.stored import annotation

BOTH_DATABASES = True

ALONE = Head("", ("cat", "dog"), "categorical", alone=True)
CAT = '["cat"]'


@pytest.fixture
def of(store, new_project):
    """The project's tasks 1 to 3, all of them cats since an hour, and what may happen to them."""

    class Of:
        def answer(self, task_id, answer=CAT, seconds_ago=0.0):
            with store.begin() as session:
                task = pool.tasks_by_id(session, new_project.id, [task_id])[task_id]
                task.answer = answer
                session.merge(annotation(new_project.id, task_id, seconds_ago=seconds_ago))

        def note(self, *task_ids, number=1, learnt=CAT, head=ALONE):
            found = [Listed(i, head, learnt, 0.1 * i, ["dog"], {"dog": 0.9}) for i in task_ids]
            with store.begin() as session:
                doubts.note(session, projects.get(session, new_project.id), number, found)

        @property
        def open(self):
            with store.read() as session:
                project = projects.get(session, new_project.id)
                return [d.task_id for d in doubts.open_doubts(session, project)]

        def heads(self, heads):
            with store.begin() as session:
                projects.get(session, new_project.id).heads = heads

    found = Of()
    for task_id in (1, 2, 3):
        found.answer(task_id, seconds_ago=3600)
    return found


def test_the_worst_first_until_the_next_round_thinks_otherwise(of, store, new_project):
    of.note(2, 1)
    assert of.open == [2, 1]
    with store.read() as session:
        first = doubts.open_doubts(session, new_project)[0]
        assert (first.answer, first.guess, first.probabilities) == (CAT, ["dog"], {"dog": 0.9})
        assert (first.quality, first.round_number) == (pytest.approx(0.2), 1)
    of.note(1, 3, number=2)
    assert of.open == [1, 3]
    of.note(number=3)
    assert of.open == []


def test_a_label_that_is_confirmed_stays_away_until_it_changes(of):
    of.note(1, 2)
    of.answer(1)  # saved again, or by somebody else: it is a cat
    assert of.open == [2]
    for number in (2, 3):
        of.note(1, 2, number=number)
        assert of.open == [2]
    of.answer(1, '["dog"]')
    of.note(1, 2, number=4, learnt=CAT)  # that was learnt before it changed
    assert of.open == [2]
    of.note(1, number=5, learnt='["dog"]')
    assert of.open == [1]


def test_a_label_that_is_changed_goes_at_once(of):
    of.note(1, 2)
    of.answer(1, '["dog"]')
    assert of.open == [2]
    of.answer(2, None)
    assert of.open == []


def test_what_is_confirmed_before_it_is_listed_is_no_answer(of):
    of.answer(1)
    of.note(1)
    assert of.open == [1]


def test_no_more_are_kept_than_a_person_looks_at(of, monkeypatch):
    monkeypatch.setattr(doubts, "MOST", 2)
    of.note(1, 2, 3)
    assert of.open == [1, 2]
    of.answer(1)
    of.note(1, 2, 3, number=2)
    assert of.open == [2, 3]  # a confirmed one takes nobody's place


def test_a_control_has_its_own_part_of_the_answer(of, store, new_project):
    heads = [Head("a", ("x", "y"), "categorical"), Head("b", ("x", "z"), "bernoulli")]
    of.heads(stored_heads(heads))
    whole = answer_text(["a: x", "b: z"])
    of.answer(1, whole, seconds_ago=1800)
    of.note(1, learnt=whole, head=heads[1])
    with store.read() as session:
        (only,) = doubts.open_doubts(session, projects.get(session, new_project.id))
        assert (only.control, json.loads(only.answer)) == ("b", ["z"])
    other = answer_text(["a: y", "b: z"])
    of.answer(1, other, seconds_ago=1800)  # of the other control: this one is as it was
    assert of.open == [1]
    of.answer(1, answer_text(["a: y"]), seconds_ago=1800)
    assert of.open == []
    of.answer(1, other, seconds_ago=1800)
    of.heads(stored_heads([heads[0], Head("c", ("z",), "bernoulli")]))
    assert of.open == []  # the control is no more


def test_another_image_and_a_deleted_task_are_not_doubted(of, store, new_project):
    of.note(1, 2, 3)
    with store.begin() as session:
        row = projects.get(session, new_project.id)
        pool.put_tasks(session, row, [(1, "/another.png")], None)
        pool.delete_tasks(session, row.id, [2])
    assert of.open == [3]
    with store.begin() as session:
        projects.forget(session, new_project.id)
