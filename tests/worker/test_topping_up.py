"""What is done beside a step: labels are read where something was told, and a low queue is filled."""

import time

import pytest

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import projects, rounds
from fishermask_backend.studio import Page
from fishermask_backend.worker import topping_up as module
from fishermask_backend.worker.topping_up import topping_up
from tests.conftest import CONFIG, publish_round
from tests.store.stored import label

SPEC = parse_label_config(CONFIG)


class Quiet:
    """A Label Studio in which nothing has changed; counts how often it is asked."""

    def __init__(self):
        self.readings, self.wanted = 0, []

    def changed_tasks(self, *_):
        self.readings += 1
        return Page([], 0)

    def existing_tasks(self, _studio_id, ids):
        self.wanted.append(list(ids))
        return []


@pytest.fixture
def work(work, monkeypatch):
    monkeypatch.setattr(module, "LOOK_SECONDS", 0.01)
    work.studio = Quiet()
    return work


def until(true):
    end = time.monotonic() + 10
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_label_studio_is_asked_once_something_was_told(work, store):
    with topping_up(work, SPEC):
        time.sleep(0.1)
        assert work.studio.readings == 0
        with store.begin() as session:
            projects.count_event(session, work.project_id, label=True)
        until(lambda: work.studio.readings)
        time.sleep(0.1)
    assert work.studio.readings == 1


def test_label_studio_is_asked_where_nothing_was_told_for_long(work, monkeypatch):
    monkeypatch.setattr(module, "READ_AGAIN_SECONDS", 0.0)
    with topping_up(work, SPEC):
        until(lambda: work.studio.readings > 1)


def test_a_queue_that_runs_low_meanwhile_is_filled(work, store, project, monkeypatch):
    work.settings = work.settings.model_copy(update={"batch_size": 2, "queue_margin": 1})
    publish_round(store, project, [1, 2], [rounds.Scored(3, 0.75, 0.1, None)])
    with topping_up(work, SPEC):
        time.sleep(0.1)
        assert work.studio.wanted == []
        label(work, 1)
        until(lambda: work.studio.wanted)
    assert work.studio.wanted[0] == [2, 3]


def test_what_a_step_shows_stays(work):
    work.progress("training", 1, 2)
    with topping_up(work, SPEC):
        time.sleep(0.1)
    assert work.project().progress["stage"] == "training"
