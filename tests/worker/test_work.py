"""What one step writes: fenced by its lease; its progress once a second."""

from dataclasses import replace

import pytest

from fishermask_backend.errors import LeaseLost
from fishermask_backend.machine.processor import Turns
from fishermask_backend.store import projects
from fishermask_backend.worker import work as work_module
from fishermask_backend.worker.work import Stopwatch
from tests.store.stored import change

BOTH_DATABASES = True


def test_a_write_of_a_lost_lease_is_none(work):
    with work.begin() as session:
        projects.get(session, work.project_id).title = "mine"
    change(work, fence=work.lease.fence + 1)  # another worker's claim
    with pytest.raises(LeaseLost), work.begin() as session:
        projects.get(session, work.project_id).title = "stale"
    assert work.project().title == "mine"


def test_a_write_keeps_the_lease(work):
    change(work, lease_until=0.0)
    with work.begin():
        pass
    assert work.project().lease_until > 0.0


def test_names_and_places(work):
    assert work.name == "project 7"
    assert work.folder == work.settings.model_dir / "projects" / str(work.project_id)


def shown(work):
    progress = work.project().progress
    return progress and (progress["stage"], progress["done"], progress["total"])


def test_progress_is_shown_at_a_stage_s_ends_and_once_a_second_between(work, monkeypatch):
    work.progress("training", 0, 10)
    assert shown(work) == ("training", 0, 10)
    work.progress("training", 3, 10)
    assert shown(work) == ("training", 0, 10)
    monkeypatch.setattr(work_module, "PROGRESS_SECONDS", 0.0)
    work.progress("training", 4, 10)
    assert shown(work) == ("training", 4, 10)
    monkeypatch.setattr(work_module, "PROGRESS_SECONDS", 1000.0)
    work.progress("training", 10, 10)
    assert shown(work) == ("training", 10, 10)


def test_time_left_is_that_of_the_stage_so_far(work, monkeypatch):
    now = 1000.0
    monkeypatch.setattr(work_module, "PROGRESS_SECONDS", 0.0)
    monkeypatch.setattr(work_module.time, "time", lambda: now)
    work.progress("training", 0, 10, expected=30.0)
    assert work.project().progress["eta_seconds"] == 30.0
    now = 1004.0
    work.progress("training", 2, 10)
    progress = work.project().progress
    assert (progress["started"], progress["at"]) == (1000.0, 1004.0)
    assert progress["eta_seconds"] == 16.0  # two in four seconds, eight are left
    now = 1005.0  # another step, after a while in which nothing was done
    later = replace(work, _measured=None)
    later.progress("training", 2, 10)
    progress = work.project().progress
    assert (progress["started"], progress["eta_seconds"]) == (1000.0, 16.0)  # at the pace before
    now = 1008.0
    later.progress("training", 5, 10)
    assert work.project().progress["eta_seconds"] == 5.0  # what was done before is not counted
    now = 1009.0
    later.progress("training", 0, 10)  # begun again: nothing is known
    progress = work.project().progress
    assert (progress["started"], progress["eta_seconds"]) == (1009.0, None)
    now = 1011.0
    later.progress("training", 0, 10)  # what comes before the first takes no part in the pace
    now = 1012.0
    later.progress("training", 1, 10)
    assert work.project().progress["eta_seconds"] == 9.0
    now = 1004.0
    work.progress("clustering", 0, 10)
    progress = work.project().progress
    assert (progress["started"], progress["eta_seconds"]) == (1004.0, None)


def test_beside_a_round_nothing_is_shown(work):
    replace(work, silent=True).progress("publishing", 0, 3)
    assert shown(work) is None


@pytest.mark.parametrize(
    ("took", "waited", "told"),
    [
        (40.0, 30.0, "in 40 s the round got 10 s of a core, 25% of what it could have used"),
        (40.0, 9.0, None),  # next to nothing is lost
        (4.0, 30.0, None),  # nobody notices
    ],
)
def test_a_round_that_waits_for_the_processor_says_so(monkeypatch, took, waited, told):
    watch = Stopwatch("project 1")
    watch.seconds["select"] = took
    before = watch._first_turns
    now = Turns(before.used + 10.0, before.waited + waited)
    monkeypatch.setattr(Turns, "now", classmethod(lambda cls: now))
    notes = watch.notes()
    assert [told in note for note in notes] == ([True] if told else [])
