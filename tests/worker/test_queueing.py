"""How long a queue is, and when it runs low."""

import random
import time
from dataclasses import replace

import pytest

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import pool, projects, queues, rounds
from fishermask_backend.studio import StudioProject
from fishermask_backend.worker import queueing
from fishermask_backend.worker.queueing import (
    candidates,
    keep_filled,
    least_left,
    running_low,
    top_up,
    wanted_size,
)
from tests.conftest import CONFIG, publish_round
from tests.store.stored import annotate, label, put

BOTH_DATABASES = True

SPEC = parse_label_config(CONFIG)


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "2")
    monkeypatch.setenv("QUEUE_MARGIN", "1")
    monkeypatch.setenv("AUDIT_SHARE", "0")


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


def test_nothing_is_queued_before_a_round(work):
    assert not running_low(work)


def test_candidates_are_what_would_still_be_served_in_the_round_s_order(work, store, project):
    made = publish_round(store, project, [3, 1], [rounds.Scored(2, 0.75, 0.1, None)])
    assert candidates(work, made) == [3, 1, 2]
    label(work, 1)
    assert candidates(work, made) == [3, 2]
    with store.begin() as session:
        pool.delete_tasks(session, project.id, [3])
    assert candidates(work, made) == [2]


def test_a_queue_is_longer_where_many_label(work, store, project, monkeypatch):
    ids = list(range(1, 41))
    with store.begin() as session:
        row = projects.get(session, project.id)
        pool.put_tasks(session, row, [(i, f"/{i}.png") for i in ids], random.Random(0))
    publish_round(store, project, ids)
    assert wanted_size(work) == 3  # BATCH_SIZE and QUEUE_MARGIN
    annotate(work, {i: i % 4 for i in ids[:10]})
    assert wanted_size(work) == 2 * least_left(work) == 2 * (4 + 20)
    with store.begin() as session:
        rounds.active(session, project.id).active_at = time.time() - 86400
    annotate(work, {i: i % 10 for i in ids})
    assert wanted_size(work) == 2 * (10 + 4 * 120)
    monkeypatch.setattr(queueing, "LONGEST_QUEUE", 500)
    assert wanted_size(work) == 500


def test_a_full_queue_is_left_alone(work, store, project):
    """Label Studio, which is not there, would be asked."""
    keep_filled(work, SPEC)  # no round
    publish_round(store, project, [1, 2], [rounds.Scored(3, 0.75, 0.1, None)])
    keep_filled(work, SPEC)
    top_up(work, SPEC)
    with store.read() as session:
        assert len(queues.history(session, project.id)) == 1


class Shelf:
    """Remembers which tasks were to be published; that none exist ends the publishing there."""

    def __init__(self):
        self.asked = []

    def existing_tasks(self, _studio_id, ids):
        self.asked.append(list(ids))
        return []


def test_a_low_queue_is_filled_from_the_round(work, store, project):
    publish_round(store, project, [1, 2], [rounds.Scored(3, 0.75, 0.1, None)])
    work.studio = Shelf()
    label(work, 1)
    keep_filled(work, SPEC)
    top_up(work, SPEC)
    assert work.studio.asked == [[2, 3], [2, 3]]


def test_a_new_round_is_published_by_a_step_only(work, store, project):
    """The thread beside a step leaves that to the step, or it would be published twice."""
    publish_round(store, project, [1, 2])
    put(store, project.id, 2, [rounds.Scored(i, i / 4, 0.0, None) for i in (3, 2, 1)])
    work.studio = Shelf()
    top_up(work, SPEC)
    assert work.studio.asked == []
    keep_filled(work, SPEC)
    assert work.studio.asked == [[1, 2, 3]]


def test_a_share_of_the_queue_is_drawn_and_label_studio_is_not_told(work, store, project):
    ids = list(range(1, 41))
    with store.begin() as session:
        row = projects.get(session, project.id)
        pool.put_tasks(session, row, [(i, f"/{i}.png") for i in ids], random.Random(0))
    made = put(store, project.id, 1, [rounds.Scored(i, i / 80, 0.0, None) for i in ids])
    work.studio = shelf = Importing()
    for share, drawn in ((0.1, 2), (0.0, 0)):
        work.settings = work.settings.model_copy(
            update={"batch_size": 5, "queue_margin": 15, "audit_share": share}
        )
        shelf.imported.clear()
        queueing.fill(work, SPEC, made)
        with store.read() as session:
            queue = queues.active(session, project.id)
        assert len(queue.audit or ()) == drawn
        others = [i for i in queue.task_ids if i not in (queue.audit or ())]
        assert others == [i for i in ids if i not in (queue.audit or ())][: 20 - drawn]
        assert [p["task"] for p in shelf.imported] == queue.task_ids
        assert {tuple(p) for p in shelf.imported} == {("task", "result", "score", "model_version")}


@pytest.mark.parametrize("network", [{"train": "all"}, {"backbone": "small_cnn"}])
def test_where_networks_are_trained_whole_none_is_drawn(work, network):
    asked = work.settings.model_copy(update={"audit_share": 0.1})
    assert asked.audited == 0.1
    assert asked.model_copy(update=network).audited == 0


class Importing(Shelf):
    """Takes what is published, in a project of nobody else's."""

    def __init__(self):
        super().__init__()
        self.imported = []
        self.remote = StudioProject(7, 1000, "Animals", CONFIG, "", "", "")

    def existing_tasks(self, _studio_id, ids):
        return list(ids)

    def model_versions(self, _studio_id):
        return [p["model_version"] for p in self.imported]

    def import_predictions(self, _studio_id, predictions):
        self.imported += predictions
        return len(predictions)

    def project(self, _studio_id):
        return self.remote

    def set_order(self, _studio_id, *, sampling, model_version):
        self.remote = replace(self.remote, sampling=sampling, model_version=model_version)
        return self.remote


class Counting(Shelf):
    """Holds this many predictions of the queue."""

    def __init__(self, held):
        super().__init__()
        self.held = held

    def count_predicted(self, _studio_id, ids, version):
        assert (ids, version) == ([1, 2], "fishermask-1")
        return self.held


@pytest.mark.parametrize(("held", "published"), [(2, []), (1, [[1, 2, 3]]), (0, [[1, 2, 3]])])
def test_a_queue_that_label_studio_has_no_more_is_published_again(
    work, store, project, held, published
):
    publish_round(store, project, [1, 2], [rounds.Scored(3, 0.75, 0.1, None)])
    work.studio = Counting(held)
    keep_filled(work, SPEC)
    assert work.studio.asked == []  # not looked
    keep_filled(work, SPEC, look=True)
    assert work.studio.asked == published


def test_what_is_labelled_needs_no_place_in_the_queue(work, store, project):
    publish_round(store, project, [1, 2])
    label(work, 1, 2, 3, 4)
    keep_filled(work, SPEC, look=True)  # Label Studio, which is not there, would be asked
