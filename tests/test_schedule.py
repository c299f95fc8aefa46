"""When a round is due, and when to look again."""

import json
import random
import time

import pytest

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.publishing import least_left
from fishermask_backend.schedule import next_look, round_reason, running_low
from fishermask_backend.settings import load_settings
from fishermask_backend.store import images, leases, pool, projects, rounds
from fishermask_backend.workspace import Workspace
from tests.conftest import CONFIG, publish_round
from tests.store.stored import annotation

BOTH_DATABASES = True

SPEC = parse_label_config(CONFIG)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "2")
    monkeypatch.setenv("QUEUE_MARGIN", "1")


@pytest.fixture
def work(store, project):
    with store.begin() as session:
        projects.get(session, project.id).registered_at = time.time()
        lease = leases.claim(session, load_settings().label_studio_url, "worker")
    return Workspace(load_settings(), store, None, lease)


def reason(work, config=CONFIG, key="key"):
    return round_reason(work, parse_label_config(config), key)


def change(work, task_ids=(), **fields):
    """Change the project, or some of its tasks."""
    with work.store.begin() as session:
        rows = pool.tasks_by_id(session, work.project_id, list(task_ids)).values()
        for row in rows if task_ids else [projects.get(session, work.project_id)]:
            for name, value in fields.items():
                setattr(row, name, value)


def label(work, *task_ids):
    change(work, task_ids, answer=json.dumps(["cat"]), annotated=True)


def test_first_queue_comes_when_all_images_are_there(work):
    assert reason(work) == "the first queue is wanted"
    change(work, [4], row=None)
    assert reason(work) == ""
    change(work, [4], image_tries=images.IMAGE_TRIES)  # it never will be
    assert reason(work) == "the first queue is wanted"


def test_first_queue_does_not_wait_for_a_large_pool(work):
    change(work, [4], row=None)
    change(work, plan=[["tasks", 2]])
    assert reason(work) == ""
    change(work, registered_at=time.time() - 41)
    assert reason(work) == "the first queue is wanted"
    change(work, [3], row=None)  # fewer than a queue: not yet
    assert reason(work) == ""


def test_no_image_no_round(work):
    change(work, [1, 2, 3, 4], row=None)
    change(work, train_asked_at=work.began)
    assert reason(work) == ""


def test_labels_make_a_round(work, store, project):
    publish_round(store, project, [2, 1, 3])
    change(work, last_event_at=time.time())
    assert reason(work) == ""
    label(work, 2)
    assert reason(work) == ""
    label(work, 1)
    assert reason(work) == "2 labels are new"
    with store.begin() as session:
        pool.note_trained(session, project.id, {1: '["cat"]', 2: '["cat"]'})
    assert reason(work) == ""
    change(work, [1], answer=json.dumps(["dog"]))
    change(work, [2], answer=None, annotated=False)
    assert reason(work) == "2 labels are new"  # a change and a removal


def test_few_labels_make_a_round_after_a_quiet_time(work, store, project):
    publish_round(store, project, [2, 1, 3])
    label(work, 2)
    change(work, last_event_at=time.time() - 59)
    assert reason(work) == ""
    assert 0 < next_look(work) - time.time() <= 1.1
    change(work, last_event_at=time.time() - 61)
    assert "no more came" in reason(work)


def test_train_every_is_apart_from_the_batch(work, store, project, monkeypatch):
    publish_round(store, project, [2, 1, 3])
    change(work, last_event_at=time.time())
    label(work, 1, 2)
    monkeypatch.setenv("TRAIN_EVERY", "3")
    load_settings.cache_clear()
    work.settings = load_settings()
    assert reason(work) == ""


@pytest.mark.parametrize(
    "config",
    [
        CONFIG.replace('value="dog"', 'value="horse"'),
        CONFIG.replace("</Choices>", '<Choice value="horse"/></Choices>'),
        CONFIG.replace("toName", 'choice="multiple" toName'),
    ],
    ids=["other", "more", "multiple"],
)
def test_other_classes_make_a_round(work, store, project, config):
    publish_round(store, project, [2, 1, 3])
    assert reason(work) == ""
    assert reason(work, config) == "the labelling config has other classes"


def test_clock_that_was_put_back_does_not_stop_the_quiet_time(work, store, project):
    publish_round(store, project, [3, 4])
    label(work, 1)
    change(work, last_event_at=time.time() + 3600)
    assert reason(work) == "1 labels are new and no more came"


def test_lost_files_make_a_round(work, store, project):
    made = publish_round(store, project, [3, 4])
    with store.begin() as session:
        rounds.lose_files(session, made.id, "weights cannot be read")
    assert reason(work) == "the files of the last round cannot be read"
    with store.read() as session:
        serving = rounds.active(session, project.id)
    assert (serving.id, serving.notes) == (made.id, ["weights cannot be read"])


def test_asking_and_another_backbone_make_a_round(work, store, project):
    publish_round(store, project, [2, 1, 3])
    assert reason(work, key="another") == "the first queue is wanted"
    change(work, train_asked_at=work.began)
    assert reason(work) == "training was asked for"
    change(work, train_asked_at=work.began + 1.0)  # by whom labels came that are not read yet
    assert reason(work) == ""


def test_queue_runs_low_while_others_wait(work, store, project):
    publish_round(store, project, [2, 1], [rounds.Scored(3, 0.75, 0.1, None)])
    assert not running_low(work)
    label(work, 2)
    assert running_low(work)
    label(work, 3)  # nothing is left but what is queued
    assert not running_low(work)


def test_queue_runs_low_sooner_where_many_label(work, store, project):
    ids = list(range(1, 41))
    with store.begin() as session:
        row = projects.get(session, project.id)
        pool.put_tasks(session, row, [(i, f"/{i}.png") for i in ids], random.Random(0))
    publish_round(store, project, ids[:30], [rounds.Scored(i, 0.75, 0.1, None) for i in ids[30:]])
    assert not running_low(work)
    annotate(work, {i: i % 4 for i in ids[:10]}, seconds_ago=60)
    assert not running_low(work)  # 20 are left, and nobody is at work any more
    annotate(work, dict.fromkeys(ids[:10], 1))
    assert least_left(work) == 2  # one person alone
    annotate(work, {i: i % 4 for i in ids[:10]})
    assert least_left(work) == 4 + 20  # four people, a task a second
    assert running_low(work)  # 20 are left, 4 of them open
    annotate(work, {i: i % 4 for i in ids[:15]}, seconds_ago=20)
    assert least_left(work) == 4 + 10  # a task in two seconds


def test_queue_lasts_as_long_as_a_round_serves(work, store, project):
    publish_round(store, project, [1, 2])
    annotate(work, {1: 1, 2: 2})
    assert least_left(work) == 2 + 4  # two people, a task in five seconds: twenty seconds of it

    def serving(seconds):
        with store.begin() as session:
            rounds.active(session, project.id).active_at = time.time() - seconds

    serving(59)
    assert least_left(work) == 2 + 12
    serving(86400)  # all night
    assert least_left(work) == 2 + 24


def annotate(work, who, seconds_ago=0):
    """Let people annotate tasks: who each of them."""
    with work.store.begin() as session:
        for i, task in pool.tasks_by_id(session, work.project_id, list(who)).items():
            task.annotated = True
            session.merge(annotation(work.project_id, i, who[i], seconds_ago=seconds_ago))


def test_nothing_is_queued_before_a_round(work):
    assert not running_low(work)


def seconds_to_next_look(work):
    return next_look(work) - time.time()


def test_next_look(work):
    assert 50 < seconds_to_next_look(work) <= 60  # for what no event told
    change(work, pass_finished_at=time.time() - 580)
    assert 10 < seconds_to_next_look(work) <= 20  # RECONCILE_MINUTES
    change(work, pass_finished_at=time.time())
    change(work, [4], row=None, image_retry_at=time.time() + 30)
    assert 20 < seconds_to_next_look(work) <= 30
    change(work, plan=[["tasks", 1]])
    assert seconds_to_next_look(work) <= 0
    change(work, plan=None, pass_wanted=True)
    assert seconds_to_next_look(work) <= 0
    change(work, connected=False, registered_at=time.time())
    assert seconds_to_next_look(work) <= 1
    change(work, registered_at=time.time() - 100)
    assert 590 < seconds_to_next_look(work) <= 600
