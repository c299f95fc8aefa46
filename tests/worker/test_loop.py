"""The worker's loop: claims, failures and what they leave behind. Each test hands in the step."""

import logging
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

from fishermask_backend.errors import LabelStudioError, ProjectGone
from fishermask_backend.settings import load_settings
from fishermask_backend.state import project_folder
from fishermask_backend.store import Store, database, pool, projects
from fishermask_backend.worker import loop
from fishermask_backend.worker.loop import Worker
from fishermask_backend.worker.step import Memory, do_step

BOTH_DATABASES = True


@pytest.fixture
def worker(store, monkeypatch):
    """A worker whose Label Studio does not answer."""
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "0123456789abcdef0123456789abcdef01234567")
    load_settings.cache_clear()
    step = partial(do_step, memory=Memory())
    return Worker(load_settings(), store, step)


@pytest.fixture
def waiting(store, worker):
    """Two projects that are due."""
    address = worker.settings.label_studio_url
    with store.begin() as session:
        return [projects.register(session, address, i, 1000).id for i in (1, 2)]


def stored(store, project_id):
    with store.read() as session:
        return projects.get(session, project_id)


def test_nothing_to_do(worker):
    assert not worker.work_once()


def test_label_studio_that_does_not_answer_is_waited_for(store, worker, waiting):
    assert worker.work_once()
    row = stored(store, waiting[0])
    assert "did not answer" in row.error
    assert row.retry_at == row.due_at == row.error_at + 1
    assert row.lease_owner is None


def test_a_step_has_the_settings_of_its_project(store, worker, waiting):
    seen = []

    def step(work):
        seen.append((work.settings.batch_size, work.settings.strategy))
        return time.time() + 1000

    worker.step = step
    with store.begin() as session:
        projects.get(session, waiting[0]).params = {"batch_size": 3, "strategy": "margin"}
    while worker.work_once():
        pass
    assert seen == [(3, "margin"), (20, "fishermask")]


def test_settings_of_another_version_are_told(store, worker, waiting):
    with store.begin() as session:
        projects.get(session, waiting[0]).params = {"of_another_version": 3}
    worker.work_once()
    assert "'of_another_version' is no setting of a project" in stored(store, waiting[0]).error


def test_waits_double_and_a_good_step_ends_them(store, worker, waiting):
    def fail(work):
        raise LabelStudioError("Label Studio did not answer.")

    worker.step = fail
    first, second = waiting
    waits = []
    with store.begin() as session:
        projects.get(session, second).due_at = time.time() + 1000
    for _ in range(12):
        assert worker.work_once()
        row = stored(store, first)
        waits.append(row.retry_at - row.error_at)
        assert not worker.work_once()
        with store.begin() as session:
            row = projects.get(session, first)
            row.retry_at = row.due_at = 0.0
    assert [round(w) for w in waits[:5]] == [1, 2, 4, 8, 16]
    assert max(waits) <= 300
    worker.step = lambda work: time.time() + 50
    assert worker.work_once()
    row = stored(store, first)
    assert (row.error, row.failures) == ("", 0)
    assert 45 < row.due_at - time.time() <= 50


def test_bug_is_told_and_stops_nobody_else(store, worker, waiting, caplog):
    done = []

    def step(work):
        if work.project_id == waiting[0]:
            raise ZeroDivisionError("division by zero")
        done.append(work.project_id)
        return time.time() + 50

    worker.step = step
    with caplog.at_level(logging.ERROR):
        assert worker.work_once()
        assert worker.work_once()
    assert done == [waiting[1]]
    assert stored(store, waiting[0]).error == "Unexpected ZeroDivisionError: division by zero"
    assert "Traceback" in caplog.text


def test_stop_leaves_the_step_for_whoever_comes(store, worker, waiting):
    def step(work):
        raise SystemExit(0)

    worker.step = step
    with pytest.raises(SystemExit):
        worker.work_once()
    for project_id in waiting:
        row = stored(store, project_id)
        assert row.lease_owner is None
        assert row.due_at <= time.time()
        assert (row.failures, row.error) == (0, "")


def test_what_is_told_during_a_step_is_looked_at_soon(store, worker, waiting):
    def step(work):
        with store.begin() as session:
            projects.count_event(session, work.project_id, label=True)
        return time.time() + 1000

    worker.step = step
    assert worker.work_once()
    assert stored(store, waiting[0]).due_at < time.time() + 2


def test_quiet_projects_keep_one_where_people_work_waiting_for_seconds_only(
    store, worker, waiting, monkeypatch
):
    done = []

    def step(work):
        done.append(work.project_id)
        return 0.0 if work.project_id == quiet else time.time() - 1  # due for longer

    quiet, active = waiting
    worker.step = step
    with store.begin() as session:
        projects.get(session, active).last_event_at = time.time()
    for _ in range(3):
        assert worker.work_once()
    assert done == [active, quiet, quiet]
    monkeypatch.setattr(loop, "OTHERS_SECONDS", 0.0)
    worker._others_until = time.monotonic()
    assert worker.work_once()
    assert worker.work_once()
    assert done[3:] == [active, active]


def test_step_of_a_lost_claim_keeps_nothing(store, worker, waiting):
    def step(work):
        with store.begin() as session:  # another worker, after a long stall of this one
            row = projects.get(session, work.project_id)
            row.fence, row.lease_owner = row.fence + 1, "another"
        with work.begin() as session:
            projects.get(session, work.project_id).title = "stale"
        return time.time()

    worker.step = step
    assert worker.work_once()
    row = stored(store, waiting[0])
    assert (row.title, row.lease_owner, row.failures) == ("", "another", 0)


def test_claim_is_kept_while_a_step_computes(store, worker, waiting, monkeypatch):
    monkeypatch.setattr(loop, "LEASE_SECONDS", 0.04)
    seen = []

    def step(work):
        with store.begin() as session:
            projects.get(session, work.project_id).lease_until = 0.0
        while stored(store, work.project_id).lease_until < time.time():
            time.sleep(0.01)
        seen.append(work.project_id)
        return time.time() + 50

    worker.step = step
    assert worker.work_once()
    assert seen == waiting[:1]


HOLDER = """
import time
from fishermask_backend.worker.loop import Worker
from fishermask_backend.settings import load_settings
from fishermask_backend.store import Store

def hold(work):
    work.progress("training", 1, 2)
    print("holding", flush=True)
    time.sleep(60)

Worker(load_settings(), Store(load_settings().database), hold).work_once()
"""


def test_killed_worker_s_project_is_another_s_at_once(store, worker, waiting, caplog):
    with store.begin() as session:
        projects.get(session, waiting[1]).due_at = time.time() + 1000
    root = Path(__file__).parents[2]
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "PYTHONPATH": str(root)}
    ) as holder:
        assert holder.stdout.readline() == "holding\n"
        assert not worker.work_once()
        assert stored(store, waiting[0]).progress["stage"] == "training"
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert not worker.work_once()
        row = stored(store, waiting[0])
        assert (row.lease_owner, row.progress, row.failures) == (None, None, 1)
        assert "ended by force while training" in row.error
        assert row.error in caplog.text
        assert row.retry_at == row.error_at + 1


def test_database_that_does_not_work_is_waited_for(store, worker, waiting, monkeypatch, caplog):
    """A step that cannot note its end is done again, and the worker lives on."""
    if not worker.settings.database.startswith("sqlite"):
        pytest.skip("one writer at a time is SQLite's rule")
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(loop, "SEARCH_SECONDS", float("inf"))
    worker.store = Store(worker.settings.database)
    holders, steps = [], []

    def step(work):
        steps.append(work.lease.fence)
        if len(steps) > 1:
            raise SystemExit(0)
        holders.append(sqlite3.connect(work.settings.model_dir / "fishermask.db"))
        holders[0].execute("BEGIN IMMEDIATE")
        return time.time() + 1000

    def pause(seconds):
        if len(caplog.records) > 3:
            holders[0].close()

    worker.step = step
    monkeypatch.setattr(loop.time, "sleep", pause)
    with pytest.raises(SystemExit):
        worker.run()
    assert steps == [1, 2]
    assert "Another program holds it" in caplog.text
    worker.store.close()


def test_project_that_is_gone_leaves_nothing(store, worker, waiting):
    gone, other = waiting
    folder = project_folder(worker.settings.model_dir, gone)
    folder.mkdir(parents=True)
    (folder / "inputs-key.rows").write_bytes(b"rows")
    with store.begin() as session:
        row = projects.get(session, gone)
        pool.put_tasks(session, row, [(1, "/1.png")], random.Random(0))

    def step(work):
        raise ProjectGone("Project 1 was deleted.")

    worker.step = step
    assert worker.work_once()
    assert not folder.exists()
    with store.read() as session:
        assert [p.id for p in projects.of_server(session, worker.settings.label_studio_url)] == [
            other
        ]
        assert pool.counts(session, gone).tasks == 0


@pytest.mark.parametrize("was_read", [False, True])
def test_an_error_of_reading_ends_when_all_is_read(store, worker, waiting, was_read):
    during = []

    def fail(work):
        if was_read:
            work.note_read()
        raise LabelStudioError("It is away.")

    def go_on(work):
        work.note_read()
        during.append(stored(store, work.project_id).error)
        return time.time() + 60

    for worker.step in (fail, go_on):
        with store.begin() as session:
            projects.wake(session, waiting[0])
            projects.get(session, waiting[0]).retry_at = 0.0
            projects.get(session, waiting[1]).due_at = 5e9
        assert worker.work_once()
    assert during == ["It is away." if was_read else ""]  # of publishing: it is not tried yet
    assert stored(store, waiting[0]).error == ""
    assert [past["error"] for past in stored(store, waiting[0]).errors] == ["It is away."]
