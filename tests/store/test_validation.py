"""What the labels of a queue say of its round."""

import json
import time

import numpy as np
import pytest
from sqlalchemy import delete

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.controls.heads import stored_heads
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import pool, projects, queues, rounds, validation
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import Annotation
from tests.conftest import publish_round
from tests.store.stored import annotation

BOTH_DATABASES = True

TWO = parse_label_config(
    '<View><Image name="image" value="$image"/>'
    '<Choices name="species" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
    '<Choices name="seen" toName="image" choice="multiple"><Choice value="cat"/>'
    '<Choice value="eye"/></Choices></View>'
)


@pytest.fixture
def ours(store, project):
    """That project, served in FisherMask's order."""
    change(store, project, former={"sampling": "Sequential sampling", "model_version": ""})
    return project


@pytest.fixture
def say(store, ours):
    """Labels tasks, and lets the labels be read."""

    def settle(answers, seconds_ago=0.0, **more):
        with store.begin() as session:
            ids = list(answers)
            session.execute(delete(Annotation).where(Annotation.task_id.in_(ids)))
            for i, task in pool.tasks_by_id(session, ours.id, ids).items():
                task.answer = None if answers[i] is None else json.dumps(sorted(answers[i]))
                given = annotation(ours.id, i, seconds_ago=seconds_ago)
                for name, value in more.items():
                    setattr(given, name, value)
                session.add(given)
            validation.compare(session, projects.get(session, ours.id), ids)

    return settle


def change(store, project, **fields):
    with store.begin() as session:
        row = projects.get(session, project.id)
        for name, value in fields.items():
            setattr(row, name, value)


def serve(store, project, queue, rest=(), *, seconds_ago=60.0, **more):
    """Publish a round that has served for so long; where it was another's turn, that ended then."""
    made = publish_round(store, project, [], rest, **more)
    with store.begin() as session:
        *before, own = queues.history(session, project.id)
        own.task_ids, own.active_at = queue, time.time() - seconds_ago
        for earlier in before[-1:]:
            earlier.superseded_at = own.active_at
    return made


def scored(task, *probabilities):
    return Scored(task, 0.75, 0.1, np.array(probabilities))


CATS = [scored(i, 0.9, 0.1) for i in (1, 2, 3, 4)]


def counted(store, made):
    with store.read() as session:
        (found,) = [r for r in rounds.history(session, made.project_id) if r.id == made.id]
        return found.checked, found.agreed


def test_whose_the_first_answers_are_and_whether_they_were_expected(store, ours, say):
    serve(store, ours, [1, 2], [*CATS[:2], scored(4, 0.9, 0.1)])
    say({1: ["cat"], 2: ["dog"]}, annotator=7)
    say({3: ["cat"]}, annotator=8)  # opened by hand
    say({4: ["cat"]}, imported=True)
    say({1: ["dog"]}, annotator=9)  # afterwards
    with store.read() as session:
        found = pool.tasks_by_id(session, ours.id, [1, 2, 3, 4])
    own = {i: (task.first_by, task.expected) for i, task in found.items()}
    assert own == {1: (7, True), 2: (7, False), 3: (8, None), 4: (None, None)}


def test_an_answer_of_several_people_is_nobody_s_alone(store, ours):
    serve(store, ours, [1], CATS)
    with store.begin() as session:
        for who in (7, 8):
            given = annotation(ours.id, 1, who)
            given.annotation_id = who
            session.add(given)
        pool.tasks_by_id(session, ours.id, [1])[1].answer = json.dumps(["cat"])
        validation.compare(session, projects.get(session, ours.id), [1])
        task = pool.tasks_by_id(session, ours.id, [1])[1]
        assert (task.first_by, task.expected) == (None, True)


def test_labels_of_the_queue_count_once(store, ours, say):
    latest = serve(store, ours, [2, 1, 3], CATS)
    say({1: ["cat"], 2: ["dog"]})
    assert counted(store, latest) == (2, 1)
    say({1: ["cat"], 2: ["cat"], 3: ["cat"]})  # read again, and one of them changed
    assert counted(store, latest) == (3, 2)
    say({1: None})
    say({1: ["dog"]})  # withdrawn, and given anew
    assert counted(store, latest) == (3, 2)


def test_a_label_given_while_the_next_round_computed_counts_for_the_round_that_served(
    store, ours, say
):
    first = serve(store, ours, [1, 2, 3, 4], CATS, seconds_ago=60)
    second = serve(store, ours, [2, 3], CATS, seconds_ago=10)
    say({1: ["dog"], 2: ["cat"]}, seconds_ago=20)  # read late
    assert (counted(store, first), counted(store, second)) == ((2, 1), (0, 0))
    say({3: ["cat"]})
    assert (counted(store, first), counted(store, second)) == ((2, 1), (1, 1))


def test_its_queue_s_scores_are_there_until_then(store, ours, say):
    first = serve(store, ours, [1], CATS, seconds_ago=60)
    serve(store, ours, [2], CATS, seconds_ago=10)
    with store.begin() as session:
        rounds.prune(session, ours.id)
    say({1: ["cat"]}, seconds_ago=20)
    assert counted(store, first) == (1, 1)


def test_what_the_queue_has_not_asked_for_does_not_count(store, ours, say):
    first = serve(store, ours, [1, 2], CATS, seconds_ago=60)
    second = serve(store, ours, [2, 3], CATS, seconds_ago=10)
    say({1: ["cat"]})  # of the older queue, from a page that was open
    say({4: ["cat"]})  # opened by hand
    say({2: ["cat"]}, seconds_ago=100)  # before there was a queue
    say({3: ["cat"]}, imported=True)
    assert (counted(store, first), counted(store, second)) == ((0, 0), (0, 0))


@pytest.mark.parametrize(
    "order",
    [
        {"order_note": "paused, because somebody set it otherwise."},
        {"former": None},
        {"former": {"sampling": "", "model_version": "", "set": False}},
    ],
)
def test_labels_in_another_order_do_not_count(store, ours, say, order):
    change(store, ours, **order)
    latest = serve(store, ours, [1, 2], CATS)
    say({1: ["cat"]})
    assert counted(store, latest) == (0, 0)
    change(store, ours, former={"sampling": "", "model_version": ""}, order_note="")
    say({1: ["cat"]})  # the same label, read again
    say({2: ["cat"]})
    assert counted(store, latest) == (1, 1)


def test_skips_and_answers_of_no_class_are_no_labels(store, ours, say):
    latest = serve(store, ours, [1, 2], CATS)
    say({1: None}, skipped=True)
    say({2: None})
    assert counted(store, latest) == (0, 0)
    say({1: ["cat"]})  # somebody else has labelled it
    assert counted(store, latest) == (1, 1)


def test_labels_of_drawn_tasks_are_marked_by_the_same_rules(store, ours, say):
    def draw(*ids):
        with store.begin() as session:
            queues.history(session, ours.id)[-1].audit = list(ids)

    first = serve(store, ours, [1, 2, 3], [Scored(i, 0.1, 1.0, None) for i in (1, 2, 3)])
    draw(1, 2)
    say({1: ["cat"], 3: ["cat"]})
    second = serve(store, ours, [3, 4], CATS, seconds_ago=10)
    draw(4)
    say({2: ["cat"]})  # drawn for the older queue
    say({4: ["dog"]})
    say({4: ["cat"]})
    with store.read() as session:
        marks = {i: t.audit for i, t in pool.tasks_by_id(session, ours.id, [1, 2, 3, 4]).items()}
    assert marks == {1: first.number, 2: None, 3: None, 4: second.number}


def test_a_cold_start_predicts_nothing(store, ours, say):
    latest = serve(store, ours, [1], [Scored(1, 0.1, 1.0, None)])
    say({1: ["cat"]})
    assert counted(store, latest) == (0, 0)


def test_several_choices_agree_only_as_a_whole(store, ours, say):
    rest = [scored(1, 0.9, 0.8), scored(2, 0.9, 0.8), scored(3, 0.1, 0.2), scored(4, 0.1, 0.7)]
    latest = serve(store, ours, [1, 2, 3, 4], rest, likelihood="bernoulli")
    say({1: ["dog", "cat"], 2: ["cat"], 3: [], 4: ["dog"]})
    assert counted(store, latest) == (4, 3)


def test_several_controls_each_count_what_answers_them(store, ours, say):
    heads = [head | {"trained": True} for head in stored_heads(TWO.heads)]
    about = {"classes": [*TWO.classes], "likelihood": "joint", "heads": heads}
    cat = (0.9, 0.1, 0.8, 0.2)  # species: cat; seen: cat
    latest = serve(store, ours, [1, 2, 3], [scored(i, *cat) for i in (1, 2, 3)], **about)
    say({1: ["seen: cat", "species: cat"], 2: ["species: dog"]})
    with store.begin() as session:  # of this one nobody was asked what is seen
        unasked = ["seen: cat", "seen: eye"]
        pool.tasks_by_id(session, ours.id, [3])[3].answer = answer_text(["species: cat"], unasked)
        session.add(annotation(ours.id, 3))
        validation.compare(session, projects.get(session, ours.id), [3])
    with store.read() as session:
        (found,) = rounds.history(session, ours.id)
    assert (found.id, found.checked, found.agreed) == (latest.id, 3, 2)
    assert [(h["control"], h["checked"], h["agreed"]) for h in found.heads] == [
        ("species", 3, 2), ("seen", 2, 1),
    ]  # fmt: skip
