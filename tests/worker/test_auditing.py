"""The audit of a round: labels of drawn tasks, judged by classifiers without them."""

import json
from random import Random

import pytest

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.controls.heads import stored_heads
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import pool, projects, rounds
from fishermask_backend.web.status import project_status
from fishermask_backend.worker import auditing
from fishermask_backend.worker.auditing import audit_round
from fishermask_backend.worker.round import run_round
from tests.conftest import CONFIG
from tests.round_problem import POOL, begun, label

SPEC = parse_label_config(CONFIG)
TWO = parse_label_config(
    '<View><Image name="image" value="$image"/>'
    '<Choices name="species" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
    '<Choices name="seen" toName="image" choice="multiple"><Choice value="cat"/>'
    '<Choice value="eye"/></Choices></View>'
)


@pytest.fixture
def work(store, project, configured):
    configured(BATCH_SIZE="3", QUEUE_MARGIN="2")
    return begun(store, project)


def kind(i):
    return ["cat"] if i % 2 else ["dog"]


def drawn(work, *ids):
    with work.store.begin() as session:
        for task in pool.tasks_by_id(session, work.project_id, ids).values():
            task.audit = 1


def audit_of(work, made):
    with work.store.read() as session:
        (found,) = [r for r in rounds.history(session, work.project_id) if r.id == made.id]
        return found.audit


def test_labels_of_drawn_tasks_tell_how_well_the_rest_is_predicted(work, inputs, backbone):
    label(work, {i: kind(i) for i in range(1, 15)})
    drawn(work, 3, 4, 5, 6, 7, 8, 29)  # 29 is not labelled
    made = run_round(work, SPEC, backbone, inputs)
    audit_round(work, backbone, inputs, made)
    (only,) = audit_of(work, made)
    assert only["control"] == ""
    found = only["accuracy"]
    assert found["labels"] == 6
    assert found["overall"] > 0.7
    assert sum(each["labels"] for each in found["confusion"]) == 6
    assert [c["labels"] for c in found["per_class"]] == [3, 3]
    assert only["forecast"]["advice"] == "too early to say"
    assert only["forecast"]["labels"] == POOL - 14  # no more are left
    told = project_status(7)
    assert told["accuracy"] == found | {"round": made.number, "stale": False}
    assert told["forecast"] == only["forecast"]
    assert told["rounds"][-1]["audit"]["labels"] == 6


def test_a_label_that_came_while_it_computed_waits_for_the_next(work, inputs, backbone):
    label(work, {i: kind(i) for i in range(1, 9)})
    drawn(work, 7, 8, 9)
    made = run_round(work, SPEC, backbone, inputs)
    label(work, {9: kind(9), 8: kind(7)})  # one new, one changed
    audit_round(work, backbone, inputs, made)
    (only,) = audit_of(work, made)
    assert only["accuracy"]["labels"] == 2
    assert {c["label"] for c in only["accuracy"]["confusion"]} == {"cat", "dog"}  # as it was learnt


def test_earlier_rounds_are_the_curve(work, inputs, backbone, monkeypatch):
    curves = []

    def noting(past, rest):
        curves.append([(each.labels, each.share) for each in past])
        return {"sentence": "", "advice": ""}

    monkeypatch.setattr(auditing, "forecast", noting)
    for last in (8, 12):
        label(work, {i: kind(i) for i in range(1, last + 1)})
        drawn(work, 5, 6, 7, 8)
        audit_round(work, backbone, inputs, run_round(work, SPEC, backbone, inputs))
    with work.store.read() as session:
        known = [
            (r.label_count, r.audit[0]["accuracy"]["share"])
            for r in rounds.history(session, work.project_id)
        ]
    assert curves == [known[:1], known]


def test_without_drawn_labels_or_a_classifier_there_is_none(work, inputs, backbone):
    label(work, {1: ["cat"], 2: ["cat"]})
    drawn(work, 1)
    made = run_round(work, SPEC, backbone, inputs)
    audit_round(work, backbone, inputs, made)  # a cold start
    assert audit_of(work, made) is None
    label(work, {i: kind(i) for i in range(1, 9)})
    drawn(work, 20)
    with work.store.begin() as session:
        pool.tasks_by_id(session, work.project_id, [1])[1].audit = None
    made = run_round(work, SPEC, backbone, inputs)
    audit_round(work, backbone, inputs, made)
    assert audit_of(work, made) is None
    assert project_status(7)["accuracy"] is None


def test_another_image_is_another_draw(work, store):
    drawn(work, 1, 2)
    with store.begin() as session:
        row = projects.get(session, work.project_id)
        pool.put_tasks(session, row, [(1, "/another.png")], Random(0))
    with store.read() as session:
        tasks = pool.tasks_by_id(session, work.project_id, [1, 2])
    assert (tasks[1].audit, tasks[2].audit) == (None, 1)


def test_each_control_has_its_own(work, inputs, backbone):
    def answer(species, seen):
        names = [f"species: {c}" for c in species or ()] + [f"seen: {c}" for c in seen or ()]
        unasked = [] if species is not None else ["species: cat", "species: dog"]
        return answer_text(
            names, unasked + ([] if seen is not None else ["seen: cat", "seen: eye"])
        )

    with work.store.begin() as session:
        projects.get(session, work.project_id).heads = stored_heads(TWO.heads)
        tasks = pool.tasks_by_id(session, work.project_id, range(1, 13))
        for i, task in tasks.items():
            task.answer = answer(kind(i), ["cat", "eye"] if i % 2 else [])
            task.audit, task.annotated = 1 if i > 6 else None, True
        tasks[12].answer = answer(kind(12), None)
        assert json.loads(tasks[11].answer)
    made = run_round(work, TWO, backbone, inputs)
    audit_round(work, backbone, inputs, made)
    species, seen = audit_of(work, made)
    assert (species["control"], species["accuracy"]["labels"]) == ("species", 6)
    assert (seen["control"], seen["accuracy"]["labels"]) == ("seen", 5)
    assert seen["accuracy"]["confusion"] == []
    told = project_status(7)
    assert told["accuracy"] is None
    assert [c["audit"]["labels"] for c in told["controls"]] == [6, 5]
