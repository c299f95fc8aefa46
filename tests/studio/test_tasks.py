"""Tasks are read whatever JSON Label Studio hands out, and what is odd is told."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from fishermask_backend.studio.records import is_id
from fishermask_backend.studio.tasks import read_page
from tests.controls.json_values import ANY, UNHURRIED

WHEN = "2026-11-28T12:00:00.5Z"

ANNOTATION = {
    "id": 11, "result": [], "was_cancelled": False, "ground_truth": False, "completed_by": 3,
    "updated_at": WHEN,
}  # fmt: skip

TASK = {
    "id": 1, "data": {"image": "/1.png"}, "updated_at": WHEN, "annotations": [ANNOTATION],
    "total_annotations": 1, "cancelled_annotations": 0, "predictions": [],
}  # fmt: skip


def page(*tasks, total=2):
    return read_page({"tasks": list(tasks), "total": total})


def only(task):
    (read,) = page(task).tasks
    return read


def annotation(**fields):
    ((row),) = only(TASK | {"annotations": [ANNOTATION | fields]}).annotations
    return row


def test_a_task_is_read():
    read = only(TASK)
    assert (read.task_id, read.data, read.untouched) == (1, {"image": "/1.png"}, False)
    assert read.updated_at == datetime(2026, 11, 28, 12, 0, 0, 500_000, UTC).timestamp()
    assert read.annotations == (
        {
            "annotation_id": 11, "task_id": 1, "result": [], "skipped": False,
            "ground_truth": False, "imported": False, "annotator": 3, "updated_at": WHEN,
            "lead_time": None,
        },
    )  # fmt: skip
    assert only(TASK | {"total_annotations": 0}).untouched


@pytest.mark.parametrize("data", [{}, {"image": None}, {"image": [5]}, None, ["/1.png"], "/1.png"])
def test_data_of_any_kind_stop_no_other_task(data):
    read = page(TASK | {"data": data}, TASK | {"id": 2})
    kept = data if isinstance(data, dict) else {}
    assert [task.data for task in read.tasks] == [kept, {"image": "/1.png"}]
    assert len(read.oddities) == (0 if isinstance(data, dict) else 1)
    assert all(oddity.startswith("task 1: data is ") for oddity in read.oddities)


@pytest.mark.parametrize(
    ("completed_by", "annotator"),
    [(3, 3), ({"id": 3, "email": "a@b"}, 3), (None, 0), ("3", 0), ({}, 0), ([3], 0), (True, 0)],
)
def test_who_annotated_is_known_or_nobody(completed_by, annotator):
    assert annotation(completed_by=completed_by)["annotator"] == annotator


@pytest.mark.parametrize(
    ("lead_time", "seconds"),
    [(4.5, 4.5), (3, 3.0), (0, None), (-1.0, None), (1e999, None), ("4", None), (True, None)],
)
def test_seconds_are_a_length_of_time_or_unknown(lead_time, seconds):
    assert annotation(lead_time=lead_time)["lead_time"] == seconds


@pytest.mark.parametrize("odd", [None, 1, "true", []])
def test_only_true_is_a_skip(odd):
    assert not annotation(was_cancelled=odd)["skipped"]
    assert not annotation(ground_truth=odd)["ground_truth"]


def test_annotations_and_tasks_without_an_id_are_named_and_the_rest_is_read():
    odd = TASK | {"annotations": [None, ANNOTATION | {"id": "a"}, ANNOTATION]}
    read = page(odd, None, {"id": 2**31}, TASK | {"id": 2})
    assert [(task.task_id, len(task.annotations)) for task in read.tasks] == [(1, 1), (2, 1)]
    assert read.oddities == (
        "task 1: an annotation is null without an id",
        "task 1: an annotation is an object without an id",
        "a task in the list behind task 1 is null without an id",
        "a task in the list behind task 1 is an object without an id",
    )


def test_results_are_kept_as_far_as_databases_keep_them():
    assert annotation(result=None)["result"] is None
    assert annotation(result={"a": "\ud800"})["result"] == {"a": "\ud800"}
    assert "numbers that are none" in annotation(result=[float("nan")])["result"]


def check(task):
    assert is_id(task.task_id)
    assert isinstance(task.data, dict)
    for row in task.annotations:
        assert is_id(row["annotation_id"]) and is_id(row["annotator"])
        assert len(row["updated_at"]) <= 40
        json.dumps(row, allow_nan=False)


@given(st.lists(st.fixed_dictionaries({name: st.just(v) | ANY for name, v in TASK.items()}) | ANY))
@UNHURRIED
def test_any_task_is_read(tasks):
    read = page(*tasks, TASK | {"id": 2})
    assert read.tasks[-1].task_id == 2
    for task in read.tasks:
        check(task)
    for oddity in read.oddities:
        assert len(oddity.encode()) < 300


@given(st.fixed_dictionaries({name: st.just(v) | ANY for name, v in ANNOTATION.items()}) | ANY)
@UNHURRIED
def test_any_annotation_is_read(odd):
    assume(not (isinstance(odd, dict) and odd.get("id") == 12))
    check(only(TASK | {"annotations": [odd, ANNOTATION | {"id": 12}]}))


@pytest.mark.parametrize(
    ("more", "imported"),
    [
        ({"updated_by": None}, True),
        ({"updated_by": 1}, False),
        ({"updated_by": {"id": 1, "email": "ada@example.com"}}, False),  # other editions
        ({}, False),  # nothing is told, so nothing is known
    ],
)
def test_who_saved_an_annotation_tells_whether_it_was_imported(more, imported):
    """An import notes nobody (Label Studio 1.23.2)."""
    assert annotation(**more)["imported"] is imported


@pytest.mark.parametrize("odd", [None, "", "yesterday", 5, [], "2026-11-28T12:00:00" + "0" * 99])
def test_dates_that_are_none_are_none(odd):
    assert annotation(updated_at=odd)["updated_at"] == ""
    assert only(TASK | {"updated_at": odd}).updated_at == 0.0


def test_a_result_that_passes_here_can_be_stored_by_whoever_calls():
    shallow, deep = [], []
    for _ in range(90):
        shallow = [shallow]
    for level in range(900):
        deep = [deep] if level % 2 else {"a": deep, "b": 1}
    assert annotation(result=shallow)["result"] == shallow
    assert annotation(result=deep)["result"] == "(lists in lists in lists)"
