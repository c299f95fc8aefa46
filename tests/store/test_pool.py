import json
import random
from datetime import UTC, datetime

from fishermask_backend.images.kept import kept
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import pool, projects, rounds
from tests.conftest import CONFIG

from .stored import put as put_round

BOTH_DATABASES = True

SPEC = parse_label_config(CONFIG)
HUGE = "data:image/png;base64," + "A" * 9000


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


def put(store, new_project, annotations):
    with store.begin() as session:
        pool.put_annotations(session, projects.get(session, new_project.id), SPEC, annotations)


def task(store, new_project, task_id):
    with store.read() as session:
        return pool.tasks_by_id(session, new_project.id, [task_id])[task_id]


def embed(store, new_project, *ids):
    with store.begin() as session:
        for row, found in enumerate(pool.tasks_by_id(session, new_project.id, ids).values()):
            found.row = row


def test_labels_become_pending_until_trained_on(store, new_project):
    put(store, new_project, {1: [annotation(1, 1, "cat")], 2: [annotation(2, 2, "dog")]})
    embed(store, new_project, 1, 2)
    with store.begin() as session:
        assert pool.counts(session, new_project.id).pending == 2
        answers = {t.task_id: t.answer for t in pool.embedded(session, new_project.id)}
        assert answers == {1: '["cat"]', 2: '["dog"]'}
        pool.note_trained(session, new_project.id, answers)
        assert pool.counts(session, new_project.id).pending == 0
    put(store, new_project, {1: [annotation(1, 1, "dog")], 2: []})  # one changed, one deleted
    with store.read() as session:
        assert pool.counts(session, new_project.id).pending == 2
        assert pool.counts(session, new_project.id).labelled == 1


def test_a_label_without_an_image_is_not_pending(store, new_project):
    put(store, new_project, {1: [annotation(1, 1, "cat")]})
    with store.read() as session:
        assert pool.counts(session, new_project.id).pending == 0


def test_skips_are_no_labels(store, new_project):
    put(store, new_project, {1: [annotation(1, 1, skipped=True)]})
    found = task(store, new_project, 1)
    assert (found.answer, found.annotated, found.skipped_by) == (None, False, [1])


def test_disagreement_is_marked(store, new_project):
    put(store, new_project, {1: [annotation(1, 1, "cat"), annotation(2, 1, "dog", annotator=2)]})
    assert task(store, new_project, 1).tied


def test_a_changed_config_reads_every_annotation_again(store, new_project):
    put(store, new_project, {1: [annotation(1, 1, "bird")], 2: [annotation(2, 2, "cat")]})
    assert task(store, new_project, 1).answer is None
    wider = parse_label_config(CONFIG.replace("</Choices>", '<Choice value="bird"/></Choices>'))
    with store.begin() as session:
        pool.resolve_all(session, projects.get(session, new_project.id), wider)
    assert json.loads(task(store, new_project, 1).answer) == ["bird"]
    assert json.loads(task(store, new_project, 2).answer) == ["cat"]


def test_a_new_address_forgets_the_old_image(store, new_project):
    embed(store, new_project, 1)
    with store.begin() as session:
        pool.put_tasks(
            session, projects.get(session, new_project.id), [(1, "/new.png")], random.Random()
        )
    found = task(store, new_project, 1)
    assert (found.image, found.row) == ("/new.png", None)


def test_an_image_under_another_name_of_label_studio_stays(store, new_project):
    path = "/data/upload/3/1a2b3c4d-a.png"
    for before, now in ((path, f"https://new.example/ls{path}"), (HUGE, kept(HUGE))):
        with store.begin() as session:
            found = projects.get(session, new_project.id)
            pool.put_tasks(session, found, [(1, before)], random.Random())
        embed(store, new_project, 1)
        with store.begin() as session:
            found = projects.get(session, new_project.id)
            pool.put_tasks(session, found, [(1, now)], random.Random())
        seen = task(store, new_project, 1)
        assert (seen.image, seen.row) == (now, 0)


def test_tasks_not_met_by_a_pass_are_gone(store, new_project):
    with store.begin() as session:
        found = projects.get(session, new_project.id)
        found.pass_number += 1
        pool.put_tasks(session, found, [(1, "/1.png"), (2, "/2.png")], random.Random())
        session.flush()
        gone = pool.unseen(session, found)
        assert gone == [3, 4, 5]
        pool.delete_tasks(session, new_project.id, gone)
        assert pool.counts(session, new_project.id).tasks == 2


def test_an_annotation_that_is_handed_out_twice_stops_nothing(store, new_project):
    put(store, new_project, {1: [annotation(1, 1, "cat"), annotation(1, 1, "cat")]})
    put(store, new_project, {2: [annotation(1, 2, "dog")]})
    put(store, new_project, {3: [annotation(2, 3, "dog")]})
    assert [task(store, new_project, i).answer for i in (2, 3)] == ['["dog"]'] * 2
    with store.read() as session:
        assert [t.task_id for t, _ in pool.annotated(session, new_project.id)] == [2, 3]


def test_scores_of_images_that_are_gone_are_forgotten(store, new_project):
    scores = [rounds.Scored(i, 0.1 * i, 1.0, None) for i in (1, 2, 3)]
    made = put_round(store, new_project.id, scores=scores)
    with store.begin() as session:
        found = projects.get(session, new_project.id)
        pool.put_tasks(session, found, [(1, "/another.png"), (3, "/3.png")], random.Random(0))
        pool.delete_tasks(session, new_project.id, [2])
    with store.read() as session:
        assert set(rounds.scores_of(session, made.id, [1, 2, 3])) == {3}
