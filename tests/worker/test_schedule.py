"""When a round is due, and when to look again."""

import json
import time

import pytest

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.settings import load_settings
from fishermask_backend.store import pool, rounds
from fishermask_backend.store.schema import COLD_START, Round
from fishermask_backend.worker.schedule import POOL_GREW, _patience, next_look, round_due
from tests.conftest import CONFIG, publish_round
from tests.store.stored import annotate, change, label

BOTH_DATABASES = True

SPEC = parse_label_config(CONFIG)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "2")
    monkeypatch.setenv("QUEUE_MARGIN", "1")


def reason(work, config=CONFIG, key="key"):
    due = round_due(work, parse_label_config(config), key)
    assert due is None or due.since <= time.time()
    return due.reason if due else ""


def waited(work):
    """Seconds for which a round has been due."""
    return round(time.time() - round_due(work, SPEC, "key").since)


def test_first_queue_comes_when_all_images_are_there(work):
    assert reason(work) == "the first queue is wanted"
    change(work, [4], row=None)
    assert reason(work) == ""
    change(work, [4], image_tries=1)  # nobody knows whether it ever will be
    assert reason(work) == "the first queue is wanted"


def test_first_queue_does_not_wait_for_a_large_pool(work):
    change(work, [4], row=None)
    change(work, plan=[["tasks", 2]])
    assert reason(work) == ""
    change(work, registered_at=time.time() - 41)
    assert reason(work) == "the first queue is wanted"
    change(work, [3], row=None)  # fewer than a queue: not yet
    assert reason(work) == ""


def test_no_round_without_a_candidate_that_may_still_come(work):
    change(work, [4], row=None)
    label(work, 1, 2, 3)
    change(work, train_asked_at=work.began, registered_at=time.time() - 100)
    assert reason(work) == ""  # 4 may be served, and is not embedded yet
    change(work, [4], image_tries=1, image_error="It is away.")
    assert reason(work) == "the first queue is wanted"
    change(work, [4], row=4)
    change(work, [3], row=None)
    change(work, plan=[["tasks", 2]])
    assert reason(work) == "the first queue is wanted"  # all that can be served is there


def test_no_round_without_a_candidate_after_the_first_either(work, store, project):
    publish_round(store, project, [2, 1, 3])
    label(work, 1, 2, 3)
    assert reason(work) == "3 labels are new"
    change(work, [4], row=None)
    assert reason(work) == ""


def test_what_was_skipped_by_all_is_no_candidate(work):
    change(work, [4], row=None)
    label(work, 1, 2)
    annotate(work, {1: 1, 2: 1})
    change(work, [3], skipped_by=[1])
    assert reason(work) == ""
    change(work, [3], skipped_by=[2])
    change(work, [4], row=4)
    assert reason(work) == "the first queue is wanted"


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
    change(work, last_event_at=time.time() - 5)
    assert waited(work) == 5
    with store.begin() as session:
        pool.note_trained(session, project.id, {1: '["cat"]', 2: '["cat"]'})
    assert reason(work) == ""
    change(work, [1], answer=json.dumps(["dog"]))
    change(work, [2], answer=None, annotated=False)
    assert reason(work) == "2 labels are new"  # a change and a removal


def test_few_labels_make_a_round_after_a_quiet_time(work, store, project):
    publish_round(store, project, [2, 1, 3])
    label(work, 2)
    change(work, last_event_at=time.time() - 119)  # one of two: twice as long as QUIET_SECONDS
    assert reason(work) == ""
    assert 0 < next_look(work) - time.time() <= 1.1
    change(work, last_event_at=time.time() - 121)
    assert "no more came" in reason(work)
    assert waited(work) == 1  # what the labels waited for others is no delay


@pytest.mark.parametrize(
    ("pending", "seconds"), [(2, 300), (4, 300), (5, 240), (10, 120), (19, 63)]
)
def test_fewer_labels_wait_longer_for_more(settings, pending, seconds):
    """People pause over an image, too."""
    usual = settings.model_copy(update={"batch_size": 20})
    assert _patience(usual, pending) == pytest.approx(seconds, abs=1)


def test_the_first_queue_is_renewed_as_the_pool_grows(work, store, project):
    made = publish_round(store, project, [2], acquisition=COLD_START, pool_size=2)
    assert reason(work) == POOL_GREW  # 4 are embedded
    change(work, [4], row=None)  # 3, and one more comes
    assert reason(work) == ""
    change(work, [4], image_tries=1, image_broken=True)  # it never will
    assert reason(work) == POOL_GREW
    label(work, 1)
    change(work, last_event_at=time.time())
    assert reason(work) == POOL_GREW  # few labels do not keep it from that
    with store.begin() as session:
        session.get_one(Round, made.id).pool_size = 3
    assert reason(work) == ""


def test_a_round_that_has_learnt_is_not_renewed_for_more_images(work, store, project):
    publish_round(store, project, [2], pool_size=1)
    assert reason(work) == ""


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


def seconds_to_next_look(work):
    return next_look(work) - time.time()


def test_next_look(work):
    assert 50 < seconds_to_next_look(work) <= 60  # for what no event told
    change(work, pass_finished_at=time.time() - 580)
    assert 10 < seconds_to_next_look(work) <= 20  # RECONCILE_MINUTES
    change(work, pass_finished_at=time.time())
    change(work, [4], row=None, image_tries=1, image_retry_at=time.time() + 30)
    assert 20 < seconds_to_next_look(work) <= 30
    change(work, plan=[["tasks", 1]])
    assert seconds_to_next_look(work) <= 0
    change(work, plan=None, pass_wanted=True)
    assert seconds_to_next_look(work) <= 0
    change(work, connected=False, registered_at=time.time())
    assert seconds_to_next_look(work) <= 1
    change(work, registered_at=time.time() - 100)
    assert 590 < seconds_to_next_look(work) <= 600
