"""Which annotations are not learnt, and why: counted, named, and gone when mended."""

import random
import time

import pytest

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import pool, projects
from fishermask_backend.store.not_learnt import EXAMPLES, REASONS, not_learnt
from tests.conftest import CONFIG

BOTH_DATABASES = True

SPEC = parse_label_config(CONFIG)
CAT = {"from_name": "label", "type": "choices", "value": {"choices": ["cat"]}}


def row(task_id, result, **more):
    return {
        "annotation_id": 100 + task_id, "task_id": task_id, "result": result, "skipped": False,
        "ground_truth": False, "annotator": 1, "updated_at": "2026-11-28T12:00:00Z",
    } | more  # fmt: skip


@pytest.fixture
def put(store, new_project):
    def put(results, **more):
        with store.begin() as session:
            found = projects.get(session, new_project.id)
            rows = {i: [row(i, result, **more)] for i, result in results.items()}
            pool.put_annotations(session, found, SPEC, rows)

    return put


@pytest.fixture
def found(store, new_project):
    def found():
        with store.read() as session:
            return not_learnt(session, new_project.id)

    return found


def test_what_is_learnt_is_not_told(put, found):
    put({1: [CAT]})
    put({2: [None]}, skipped=True)
    assert (found().annotations, found().reasons, found().sentence) == (0, {}, "")


def test_what_is_odd_is_counted_and_named_and_the_rest_is_learnt(put, found, store, new_project):
    put({1: [CAT], 2: [None], 3: None, 4: [None]})
    told = found()
    assert told.reasons == {
        "region 1 is null, not an object": 2,
        "the result is null, not a list": 1,
    }
    assert told.examples[1] == {
        "task": 3, "annotation": 103, "why": "the result is null, not a list",
    }  # fmt: skip
    assert told.sentence == (
        "Not learnt as they are: 3 annotations, since region 1 is null, not an object "
        "(2 of them); the result is null, not a list (1 of them). The first is annotation 102 of "
        "task 2."
    )
    with store.read() as session:
        assert pool.counts(session, new_project.id).labelled == 1


def test_what_is_mended_is_gone(put, found):
    put({2: [None]})
    put({2: [CAT]})
    assert found().annotations == 0


def test_another_config_reads_reasons_anew(put, found, store, new_project):
    put({1: [CAT], 2: [CAT | {"value": 7}]})
    assert found().annotations == 1
    other = parse_label_config(CONFIG.replace('name="label"', 'name="other"'))
    with store.begin() as session:
        pool.resolve_all(session, projects.get(session, new_project.id), other)
    assert "value is a number" not in found().sentence


def test_very_many_reasons_are_told_briefly_and_quickly(put, found, store, new_project):
    many = {i: [{"from_name": "label", "type": f"{i % 50}"}] for i in range(1, 10_001)}
    with store.begin() as session:
        images = [(i, "") for i in many]
        pool.put_tasks(session, projects.get(session, new_project.id), images, random.Random())
    put(many)
    start = time.monotonic()
    told = found()
    assert time.monotonic() - start < 1
    assert (told.annotations, len(told.reasons), len(told.examples)) == (10_000, REASONS, EXAMPLES)
    assert "other reasons (9400 of them)" in told.sentence
