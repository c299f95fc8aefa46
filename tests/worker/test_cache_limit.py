"""CACHE_LIMIT: whose rows go, that serving goes on without them, and that they come back."""

import os
import random
import time

import numpy as np
import pytest
import torch

from fishermask_backend.images.decoding import Picture
from fishermask_backend.learning.backbones import load_backbone
from fishermask_backend.settings import load_settings
from fishermask_backend.state import project_folder
from fishermask_backend.store import pool, projects, rounds
from fishermask_backend.web.model import FisherMaskBackend
from fishermask_backend.worker.embedding import embed, open_inputs
from fishermask_backend.worker.housekeeping import keep_cache_limit
from fishermask_backend.worker.schedule import next_look, resting
from tests.conftest import CONFIG, publish_round, workspace

BOTH_DATABASES = True
BACKBONE = load_backbone(
    "small_cnn", train="all", image_size=16, weights="", device=torch.device("cpu")
)
TASKS = 8
HOUR = 3600.0


class Loader:
    """Where images come from: grey squares."""

    def load(self, image, *, task_id):
        return Picture(np.full((3, 16, 16), task_id, np.uint8), (16, 16))


@pytest.fixture
def embedded(store, settings):
    """Makes projects that are embedded whole, have a round, and were labelled hours ago."""

    def make(studio_id, hours):
        with store.begin() as session:
            made = projects.register(session, settings.label_studio_url, studio_id, 1000)
            made.label_config, made.connected, made.pass_wanted = CONFIG, True, False
            made.pass_finished_at = time.time()
            tasks = [(i, f"/{i}.png") for i in range(1, TASKS + 1)]
            pool.put_tasks(session, made, tasks, random.Random(0))
        fill(workspace(store, made.id))
        then = time.time() - hours * HOUR
        publish_round(store, made, [2, 1], started_at=then)
        with store.begin() as session:
            projects.get(session, made.id).last_event_at = then
        return made.id

    return make


def fill(work):
    with open_inputs(work, BACKBONE) as inputs:
        embed(work, BACKBONE, inputs, Loader())
        return inputs.read(range(TASKS))


def rows_file(project_id):
    (found,) = project_folder(load_settings().model_dir, project_id).glob("inputs-*")
    return found


def age(project_id, hours):
    then = time.time() - hours * HOUR
    os.utime(rows_file(project_id), (then, then))


def embedded_count(store, project_id):
    with store.read() as session:
        return pool.counts(session, project_id).embedded


@pytest.fixture
def limit(monkeypatch, settings):
    def set_limit(files, project_id):
        size = sum(path.stat().st_size for path in rows_file(project_id).parent.iterdir())
        monkeypatch.setenv("CACHE_LIMIT", str(files * size))
        load_settings.cache_clear()
        return load_settings()

    return set_limit


def test_the_idle_project_s_rows_go_and_come_back_when_it_is_labelled(store, embedded, limit):
    idle, at_work = embedded(7, 5), embedded(8, 0)
    age(idle, 5)
    rows = fill(workspace(store, idle))
    keep_cache_limit(limit(1, idle), store, at_work)
    assert not list(project_folder(load_settings().model_dir, idle).iterdir())
    assert (embedded_count(store, idle), embedded_count(store, at_work)) == (0, TASKS)

    work = workspace(store, idle)
    assert resting(work)
    assert next_look(work) > time.time() + 1
    tasks = [{"id": i, "project": 7} for i in (1, 2)]
    assert [a["score"] for a in FisherMaskBackend("7.1000").predict(tasks)] == [0.25, 0.0]
    assert resting(work)

    FisherMaskBackend().fit("ANNOTATION_CREATED", {"project": {"id": 7}})
    assert not resting(work)
    again = fill(work)
    assert embedded_count(store, idle) == TASKS
    assert sorted(map(bytes, again)) == sorted(map(bytes, rows))


@pytest.mark.parametrize("why", ["a task without a score", "a label nobody told of"])
def test_other_work_also_wakes_a_project(store, embedded, limit, why):
    idle, at_work = embedded(7, 5), embedded(8, 0)
    age(idle, 5)
    keep_cache_limit(limit(1, idle), store, at_work)
    work = workspace(store, idle)
    assert resting(work)
    with store.begin() as session:
        if why == "a task without a score":
            rounds.ask_scores(session, idle, [5])
        else:
            pool.tasks_by_id(session, idle, [5])[5].answer = '["cat"]'
    assert not resting(work)
    assert next_look(work) <= time.time()


def test_the_one_not_used_for_longest_goes_first(store, embedded, limit):
    ids = {hours: embedded(hours, hours) for hours in (3, 5, 4)}
    for hours, project_id in ids.items():
        age(project_id, hours)
    keep_cache_limit(limit(2, ids[3]), store, at_work=0)
    assert [embedded_count(store, ids[h]) for h in (3, 4, 5)] == [TASKS, TASKS, 0]
    keep_cache_limit(limit(2, ids[3]), store, at_work=0)
    assert [embedded_count(store, ids[h]) for h in (3, 4, 5)] == [TASKS, TASKS, 0]


@pytest.mark.parametrize(
    "use", ["this step's", "another worker's", "labelled", "embedded", "a round"]
)
def test_rows_in_use_stay_though_they_are_more_than_the_limit(store, embedded, limit, use):
    project_id = embedded(7, 5)
    age(project_id, 5)
    now = time.time()
    with store.begin() as session:
        project = projects.get(session, project_id)
        if use == "another worker's":
            project.lease_owner, project.lease_until = "another", now + 60
        if use == "labelled":
            project.last_event_at = now - 60
        if use == "a round":
            rounds.latest(session, project_id).started_at = now - 60
    if use == "embedded":
        age(project_id, 0)
    tight = limit(1, project_id).model_copy(update={"cache_limit": 1000})
    over = keep_cache_limit(tight, store, project_id if use == "this step's" else 0)
    assert embedded_count(store, project_id) == TASKS
    assert over > 0


def test_there_is_no_limit_at_first(store, embedded, settings):
    project_id = embedded(7, 1000)
    age(project_id, 1000)
    keep_cache_limit(settings, store, at_work=0)
    assert embedded_count(store, project_id) == TASKS
