"""What is told of labels to review."""

import json

from fishermask_backend.controls.heads import Head
from fishermask_backend.store import doubts, projects
from fishermask_backend.store.doubts import Listed
from fishermask_backend.web.review_status import reasons, review_status
from fishermask_backend.web.status import project_status
from tests.store.stored import annotation, change

CAT = json.dumps(["cat"])
ALONE = Head("", ("cat", "dog"), "categorical", alone=True)


def to_review(work, store):
    """Task 1 looks wrong and is tied, 2 is tied, 3 disputed, 4 submitted empty."""
    change(work, control="label")
    change(work, [1, 2, 3], answer=CAT, annotated=True)
    change(work, [1, 2], tied=True)
    change(work, [3], disputed=True)
    with store.begin() as session:
        empty = annotation(work.project_id, 4)
        empty.not_learnt = "nothing was chosen in 'label'"
        session.add(empty)
        found = [Listed(1, ALONE, CAT, 0.05, ["dog"], {"cat": 0.03, "dog": 0.97})]
        doubts.note(session, projects.get(session, work.project_id), 2, found)


def test_every_kind_with_what_is_known_of_it(store, project, work):
    to_review(work, store)
    told = project_status(7)["review"]
    assert told["counts"] == {
        "looks wrong": 1, "tied": 2, "annotators disagree": 1, "submitted empty": 1,
    }  # fmt: skip
    assert told["labels"][0] == {
        "kind": "looks wrong", "task": 1, "control": "", "label": ["cat"], "guess": ["dog"],
        "probabilities": {"cat": 0.03, "dog": 0.97}, "quality": 0.05, "round": 2,
    }  # fmt: skip
    assert [(each["kind"], each["task"], each["label"]) for each in told["labels"][1:]] == [
        ("tied", 1, ["cat"]), ("tied", 2, ["cat"]), ("annotators disagree", 3, ["cat"]),
        ("submitted empty", 4, []),
    ]  # fmt: skip
    assert json.loads(json.dumps(told)) == told


def test_the_first_of_each_kind_and_every_task_s_reasons(store, project, work):
    to_review(work, store)
    with store.read() as session:
        row = projects.get(session, work.project_id)
        told = review_status(session, row, most=1)
        assert [each["task"] for each in told["labels"]] == [1, 1, 3, 4]
        assert told["counts"]["tied"] == 2
        assert reasons(session, row)[1] == ["looks wrong", "tied"]
        assert sorted(reasons(session, row)) == [1, 2, 3, 4]


def test_nothing_is_to_review(project):
    told = project_status(7)["review"]
    assert (set(told["counts"].values()), told["labels"]) == ({0}, [])
