"""A project whose Label Studio has another address now."""

import time

import pytest

from fishermask_backend.errors import LabelStudioError
from fishermask_backend.settings import load_settings
from fishermask_backend.store import leases, projects
from fishermask_backend.store.schema import Round
from fishermask_backend.store.tokens import TokenBox
from fishermask_backend.studio import Studio
from fishermask_backend.worker import moving
from fishermask_backend.worker.connection import discover
from fishermask_backend.worker.moving import Knocks, is_taken_over
from fishermask_backend.worker.work import Work
from tests.images.image_server import serving
from tests.studio.answers import PROJECT, Answers

KEY = "0" * 40


@pytest.fixture
def moved(served, store, monkeypatch):
    """Project 7 with a round, known from before; its Label Studio answers at another address now."""
    with serving(Answers(KEY)) as server:
        server.former = served
        monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", KEY)
        load_settings.cache_clear()
        yield server


@pytest.fixture
def new(moved, store):
    """A step on the row that it has at the new address."""
    with store.begin() as session:
        projects.register(session, moved.url, 7, 1000)
        lease = leases.claim(session, moved.url, "worker")
    with Studio(moved.url, KEY) as studio:
        yield Work(load_settings(), store, studio, lease)


def all_of(store):
    with store.read() as session:
        return [(p.id, p.address, p.studio_id) for p in projects.all_projects(session)]


def test_it_goes_on_once_nobody_works_for_the_former_address(moved, new, store, monkeypatch):
    knocks = Knocks()
    assert [is_taken_over(new, knocks) for _ in range(2)] == [None, None]
    with store.read() as session:
        assert projects.get(session, moved.former.id).due_at <= time.time()
    monkeypatch.setattr(moving, "KNOCK_SECONDS", 0.0)
    assert is_taken_over(new, knocks) is True
    assert all_of(store) == [(moved.former.id, moved.url, 7)]
    with store.read() as session:
        found = projects.find(session, moved.url, 7, 1000)
        assert (found.connected, found.pass_wanted, found.lease_owner) == (True, True, None)
        assert session.query(Round).filter_by(project_id=found.id).count() == 1
        assert leases.claim(session, moved.url, "worker").project_id == found.id


def test_a_copy_that_another_backend_works_for_is_left_to_it(
    moved, new, store, monkeypatch, caplog
):
    knocks = Knocks()
    assert is_taken_over(new, knocks) is None
    with store.begin() as session:
        lease = leases.claim(session, moved.former.address, "another worker")
        leases.release(session, lease, due_at=time.time() + 60)
    monkeypatch.setattr(moving, "KNOCK_SECONDS", 0.0)
    assert is_taken_over(new, knocks) is False
    assert "here it begins anew" in caplog.text
    assert len(all_of(store)) == 2


def test_a_worker_there_that_is_busy_with_another_project_is_waited_for(
    moved, new, store, monkeypatch
):
    monkeypatch.setattr(moving, "KNOCK_SECONDS", 0.0)
    with store.begin() as session:
        projects.register(session, moved.former.address, 8, 2000)
        leases.claim(session, moved.former.address, "another worker")
    knocks = Knocks()
    assert [is_taken_over(new, knocks) for _ in range(3)] == [None] * 3


@pytest.mark.parametrize("created", ["1970-01-01T00:16:41Z", "2026-01-01T00:00:00Z"])
def test_another_project_of_that_id_is_another_project(moved, new, created):
    moved.put("/api/projects/7/", {**PROJECT, "created_at": created})
    assert is_taken_over(new, Knocks()) is False


def test_nothing_is_taken_over_unasked(moved, new):
    moved.put("/api/projects/7/", {"detail": "No."}, status=403)
    with pytest.raises(LabelStudioError):
        is_taken_over(new, Knocks())


def test_a_project_that_has_begun_here_stays_what_it_is(moved, new, store):
    with store.begin() as session:
        projects.get(session, new.project_id).pass_number = 1
    assert is_taken_over(new, Knocks()) is False
    assert moved.seen == []


def test_the_token_that_opens_the_new_address_stays(moved, new, store, monkeypatch):
    box = TokenBox.of(new.settings)
    with store.begin() as session:
        projects.get(session, new.project_id).token = box.seal("new")
        projects.get(session, moved.former.id).token = box.seal("old")
    knocks = Knocks()
    monkeypatch.setattr(moving, "KNOCK_SECONDS", 0.0)
    is_taken_over(new, knocks)
    assert is_taken_over(new, knocks) is True
    with store.read() as session:
        assert box.open(projects.get(session, moved.former.id).token) == "new"


def test_it_is_looked_for_at_the_new_address(moved, store):
    assert list(discover(load_settings(), store)) == [7]
    assert [address for _, address, _ in all_of(store)] == [moved.former.address, moved.url]
    assert list(discover(load_settings(), store)) == []  # once is enough


def test_projects_of_another_label_studio_are_no_concern(moved, store):
    moved.put("/api/projects/7/", {**PROJECT, "created_at": "2026-01-01T00:00:00Z"})
    assert list(discover(load_settings(), store)) == [7]
    moved.routes.pop("/api/projects/7/")
    assert list(discover(load_settings(), store)) == [7]
    assert len(all_of(store)) == 1
