import json
import random
import time
from datetime import UTC, datetime

import pytest

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import pool, projects
from fishermask_backend.store.schema import Task
from tests.conftest import CONFIG

SPEC = parse_label_config(CONFIG)


@pytest.fixture
def project(store):
    with store.begin() as session:
        found = projects.register(session, "http://ls", 1, 1000)
        pool.put_tasks(session, found, [(i, f"/{i}.png") for i in range(1, 6)], random.Random(0))
        return found


def annotation(annotation_id, task_id, name=None, annotator=1, **more):
    value = {"from_name": "label", "type": "choices", "value": {"choices": [name]}}
    return {
        "annotation_id": annotation_id,
        "task_id": task_id,
        "result": [value] if name else [],
        "skipped": False,
        "ground_truth": False,
        "annotator": annotator,
        "updated_at": datetime.now(UTC).isoformat(),
    } | more


def put(store, project, annotations):
    with store.begin() as session:
        pool.put_annotations(session, projects.get(session, project.id), SPEC, annotations)


def task(store, project, task_id):
    with store.read() as session:
        return pool.tasks_by_id(session, project.id, [task_id])[task_id]


def embed(store, project, *ids):
    with store.begin() as session:
        for row, found in enumerate(pool.tasks_by_id(session, project.id, ids).values()):
            found.row = row


def test_labels_become_pending_until_trained_on(store, project):
    put(store, project, {1: [annotation(1, 1, "cat")], 2: [annotation(2, 2, "dog")]})
    embed(store, project, 1, 2)
    with store.begin() as session:
        assert pool.counts(session, project.id).pending == 2
        answers = {t.task_id: t.answer for t in pool.embedded(session, project.id)}
        assert answers == {1: '["cat"]', 2: '["dog"]'}
        pool.note_trained(session, project.id, answers)
        assert pool.counts(session, project.id).pending == 0
    put(store, project, {1: [annotation(1, 1, "dog")], 2: []})  # one changed, one deleted
    with store.read() as session:
        assert pool.counts(session, project.id).pending == 2
        assert pool.counts(session, project.id).labelled == 1


def test_a_label_without_an_image_is_not_pending(store, project):
    put(store, project, {1: [annotation(1, 1, "cat")]})
    with store.read() as session:
        assert pool.counts(session, project.id).pending == 0


def test_skips_are_no_labels(store, project):
    put(store, project, {1: [annotation(1, 1, skipped=True)]})
    found = task(store, project, 1)
    assert (found.answer, found.annotated, found.skipped_by) == (None, False, [1])


def test_disagreement_is_marked(store, project):
    put(store, project, {1: [annotation(1, 1, "cat"), annotation(2, 1, "dog", annotator=2)]})
    assert task(store, project, 1).tied


def test_a_changed_config_reads_every_annotation_again(store, project):
    put(store, project, {1: [annotation(1, 1, "bird")], 2: [annotation(2, 2, "cat")]})
    assert task(store, project, 1).answer is None
    wider = parse_label_config(CONFIG.replace("</Choices>", '<Choice value="bird"/></Choices>'))
    with store.begin() as session:
        pool.settle_all(session, projects.get(session, project.id), wider)
    assert json.loads(task(store, project, 1).answer) == ["bird"]
    assert json.loads(task(store, project, 2).answer) == ["cat"]


def test_a_new_address_forgets_the_old_image(store, project):
    embed(store, project, 1)
    with store.begin() as session:
        pool.put_tasks(
            session, projects.get(session, project.id), [(1, "/new.png")], random.Random()
        )
    found = task(store, project, 1)
    assert (found.image, found.row) == ("/new.png", None)


def test_labelled_images_are_embedded_first_and_failed_ones_wait(store, project):
    put(store, project, {4: [annotation(1, 4, "cat")]})
    with store.begin() as session:
        assert pool.next_to_embed(session, project.id, 5)[0].task_id == 4
        found = pool.tasks_by_id(session, project.id, [4])[4]
        found.image_tries, found.image_retry_at = 1, time.time() + 60
        assert 4 not in [t.task_id for t in pool.next_to_embed(session, project.id, 5)]


def test_tasks_not_met_by_a_pass_are_gone(store, project):
    with store.begin() as session:
        found = projects.get(session, project.id)
        found.pass_number += 1
        pool.put_tasks(session, found, [(1, "/1.png"), (2, "/2.png")], random.Random())
        session.flush()
        gone = pool.unseen(session, found)
        assert gone == [3, 4, 5]
        pool.delete_tasks(session, project.id, gone)
        assert pool.counts(session, project.id).tasks == 2


@pytest.mark.parametrize(
    ("annotated", "skipped_by", "skip_queue", "annotators", "expected"),
    [
        (False, None, "REQUEUE_FOR_OTHERS", {1}, True),
        (True, None, "REQUEUE_FOR_OTHERS", {1}, False),  # partly annotated counts as labelled
        (False, [1], "REQUEUE_FOR_OTHERS", {1}, False),  # nobody is left to serve it to
        (False, [1], "REQUEUE_FOR_OTHERS", {1, 2}, True),
        (False, [1], "REQUEUE_FOR_ME", {1}, True),
        (False, [1], "IGNORE_SKIPPED", {1, 2}, False),
    ],
)
def test_servable(annotated, skipped_by, skip_queue, annotators, expected):
    found = Task(annotated=annotated, skipped_by=skipped_by)
    assert pool.servable(found, skip_queue, annotators) is expected


def test_recent_annotators(store, project):
    old = annotation(3, 3, "cat", annotator=3, updated_at="2020-01-01T00:00:00Z")
    put(
        store,
        project,
        {
            1: [annotation(1, 1, "cat")],
            2: [annotation(2, 2, skipped=True, annotator=2)],
            3: [old],
        },
    )
    with store.read() as session:
        assert pool.recent_annotators(session, project.id) == {1, 2}
