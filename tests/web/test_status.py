"""What is told about projects, from a real store."""

import os
import time

import pytest

from fishermask_backend.machine.lifeline import Lifeline
from fishermask_backend.store import odd_entries, pool, projects, rounds
from fishermask_backend.web.status import project_status, projects_status
from tests.conftest import connected_project, publish_round

BOTH_DATABASES = True


def change(store, project, **fields):
    with store.begin() as session:
        row = projects.get(session, project.id)
        for name, value in fields.items():
            setattr(row, name, value)


def change_tasks(store, project, **fields):
    with store.begin() as session:
        for row in pool.tasks_by_id(session, project.id, [1, 2, 3, 4]).values():
            for name, value in fields.items():
                setattr(row, name, value)


def test_nothing_is_known_at_first(store):
    assert projects_status() == []
    assert project_status(7) is None


def test_a_project_before_its_first_round(store, project):
    told = project_status(7)
    assert {name: told[name] for name in ("id", "title", "connected", "tasks", "embedded")} == {
        "id": 7, "title": "Animals", "connected": True, "tasks": 4, "embedded": 4,
    }  # fmt: skip
    assert (told["active_version"], told["round"], told["seconds"]) == ("fishermask-0", 0, {})
    assert (told["rounds"], told["queue"], told["queues"]) == ([], None, [])
    assert (told["later_accuracy"], told["progress"], told["next_try"]) == (None, None, None)
    assert (told["accuracy"], told["forecast"]) == (None, None)


def test_a_project_that_is_served(store, served):
    told = project_status(7)
    assert (told["active_version"], told["round"], told["queue_left"]) == ("fishermask-1", 1, 2)
    assert told["queue"] == {"version": "fishermask-1", "task_ids": [2, 1], "why": {}}
    assert [(q["version"], q["state"]) for q in told["queues"]] == [("fishermask-1", "active")]
    (only,) = told["rounds"]
    assert (only["number"], only["acquisition"], only["classes"]) == (
        1,
        "fishermask",
        ["cat", "dog"],
    )
    assert 0 <= only["trigger_to_order_seconds"] < 60


def test_a_round_that_is_not_served_yet_has_waited_for_nothing(store, served):
    with store.begin() as session:
        rounds.history(session, served.id)[-1].active_at = None
    (only,) = project_status(7)["rounds"]
    assert only["trigger_to_order_seconds"] is None


def test_the_short_status_is_part_of_the_long_one(store, served):
    (short,) = projects_status()
    long = project_status(7)
    assert short == {name: long[name] for name in short}


@pytest.mark.parametrize(
    ("eta", "ago", "left"), [(30.0, 10.0, 20.0), (30.0, 100.0, 0.0), (None, 10.0, None)]
)
def test_the_time_left_is_counted_from_now(store, project, eta, ago, left):
    now = time.time()
    stored = {"stage": "embedding", "done": 2, "total": 4, "started": now - 60, "eta_seconds": eta}
    change(store, project, progress=stored | {"at": now - ago})
    told = project_status(7)["progress"]
    assert "at" not in told
    assert told["stage"] == "embedding"
    assert told["eta_seconds"] == (None if left is None else pytest.approx(left, abs=2))


def test_failures_say_when_the_next_try_is(store, project):
    change(store, project, retry_at=5e9)
    assert project_status(7)["next_try"] is None
    change(store, project, failures=2, error="It is away.", order_note="paused")
    told = project_status(7)
    assert (told["failures"], told["error"], told["next_try"]) == (2, "It is away.", 5e9)
    assert told["order"] == "paused"


def test_the_order_is_told_as_it_is(store, project):
    def told():
        return project_status(7)["order"]

    assert told() == "not set yet: the first queue is on its way"
    change_tasks(store, project, row=None, image_error="gone")
    assert told() == "not set yet: no image can be used, see `image_errors`"
    change_tasks(store, project, row=0, image_error=None)
    order = {"sampling": "Sequential sampling", "model_version": ""}
    change(store, project, former={**order, "set": False})  # the first try was cut off
    assert told() == "not set yet: the first queue is on its way"
    change(store, project, former={**order, "set": True})
    assert told() == "set by FisherMask"
    change(store, project, former=order)  # as versions before `set` have stored it
    assert told() == "set by FisherMask"
    change(store, project, order_remark="«Use predictions» is off.")
    assert told() == "set by FisherMask; «Use predictions» is off."
    change(store, project, order_note="paused, because somebody set it otherwise.")
    assert told() == "paused, because somebody set it otherwise."
    change(store, project, connected=False)
    assert told() == "not set: the backend is not connected to the project (any more)"


def test_a_project_without_tasks_has_no_order(store, project):
    with store.begin() as session:
        pool.delete_tasks(session, project.id, [1, 2, 3, 4])
    assert project_status(7)["order"] == "not set yet: no task is known"


def test_what_could_not_be_read_is_told(store, project):
    assert (project_status(7)["unread"], project_status(7)["unread_entries"]) == ("", [])
    whats = [f"task {i}: data is null, not an object" for i in range(2)]
    with store.begin() as session:
        odd_entries.note(projects.get(session, project.id), whats)
    told = project_status(7)
    assert told["unread"].startswith("2 entries of Label Studio's lists could not be read")
    assert told["unread_entries"] == whats


def test_images_that_are_cut_short_are_counted_and_named(store, project):
    assert project_status(7)["cut_short_images"] == 0
    change_tasks(store, project, image_cut_short=True)
    told = project_status(7)
    assert (told["cut_short_images"], told["cut_short_image_tasks"]) == (4, [1, 2, 3, 4])
    change_tasks(store, project, row=None)  # another backbone: not embedded yet
    assert project_status(7)["cut_short_images"] == 0


def test_another_label_studio_s_projects_are_not_told(store, settings):
    connected_project(store, "http://elsewhere:8080")
    assert projects_status() == []
    assert project_status(7) is None
    publish_round(store, connected_project(store, settings.label_studio_url), [1])
    assert [told["active_version"] for told in projects_status()] == ["fishermask-1"]


def test_whether_a_worker_lives_is_told_with_each_project(store, project, settings):
    assert project_status(7)["worker"].startswith("none has ever run")
    alive = Lifeline(settings.model_dir)
    assert project_status(7)["worker"].startswith("lives")
    os.utime(settings.model_dir / "workers" / alive.name, (time.time() - 61,) * 2)
    (short,) = projects_status()
    assert short["worker"].startswith("last seen 61 s ago: start it")
