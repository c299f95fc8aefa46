"""What a step remembers, and what it does where there is little to do; the rest is `tests/e2e`."""

import time

import pytest

from fishermask_backend.errors import LabelStudioError
from fishermask_backend.project_settings import settings_of
from fishermask_backend.settings import load_settings
from fishermask_backend.store import projects
from fishermask_backend.studio import SAMPLING, Studio, StudioProject
from fishermask_backend.worker import step
from fishermask_backend.worker.loop import Worker
from fishermask_backend.worker.step import (
    BACKBONES,
    Memory,
    _connected,
    _keep_cache_limit,
    _keep_order,
    do_step,
)
from tests.conftest import CONFIG
from tests.images.image_server import serving
from tests.store.stored import change
from tests.studio.answers import BACKEND, Answers

KEY = "0" * 40


@pytest.fixture
def studio(monkeypatch):
    with serving(Answers(KEY)) as server:
        monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", KEY)
        yield server


@pytest.fixture
def asking(studio, work):
    with Studio(studio.url, KEY) as opened:
        work.studio = opened
        yield work


def test_backbones_are_loaded_once_and_those_used_last_are_kept(settings):
    def backbone(size):
        return memory.backbone(settings_of(settings, {"backbone": "small_cnn", "image_size": size}))

    memory = Memory()
    first, second = backbone(16), backbone(32)
    assert first is backbone(16) is not second
    assert second.image_size == 32
    for size in range(40, 40 + 8 * (BACKBONES - 1), 8):
        backbone(size)
        assert backbone(16) is first  # it was used last but one
    assert backbone(32) is not second
    other = settings_of(settings, {"backbone": "small_cnn", "image_size": 16, "batch_size": 3})
    assert memory.backbone(other) is first


def test_settings_that_were_just_read_hold_from_the_next_step_on(studio, asking):
    studio.put(
        "/api/ml/", [{**BACKEND, "model_version": "fishermask-0", "extra_params": {"seed": 3}}]
    )
    assert do_step(asking, Memory()) <= time.time()
    assert asking.project().params == {"seed": 3}
    assert {path.partition("?")[0] for path, _ in studio.seen} == {"/api/ml/"}


def test_the_connection_is_looked_at_once_a_minute(studio, asking, monkeypatch):
    memory = Memory()
    for _ in range(3):
        assert _connected(asking, memory)
    assert len(studio.seen) == 1
    monkeypatch.setattr(step, "CONNECTION_SECONDS", 0.0)
    assert _connected(asking, memory)
    assert len(studio.seen) == 2


def test_a_project_without_this_backend_is_left_alone(studio, asking):
    studio.put("/api/ml/", [])
    change(asking, registered_at=time.time() - 3600)
    due_at = do_step(asking, Memory())
    assert due_at > time.time() + 500  # RECONCILE_MINUTES
    assert {path.partition("?")[0] for path, _ in studio.seen} == {"/api/ml/"}


def test_leftovers_are_removed_at_a_project_s_first_step(studio, asking):
    studio.put("/api/ml/", [])
    memory = Memory()
    left = asking.folder / "round-9.9.safetensors"
    asking.folder.mkdir(parents=True)
    left.touch()
    do_step(asking, memory)
    assert not left.exists()
    left.touch()  # a round of this worker's, being stored
    do_step(asking, memory)
    assert left.exists()


def test_what_fails_goes_to_whoever_called(studio, asking):
    studio.put("/api/projects/7/", {"detail": "Oh no."}, 502)
    with pytest.raises(LabelStudioError, match="502"):
        do_step(asking, Memory())


def test_a_worker_does_the_step_it_is_given(studio, store, project):
    memory = Memory()
    studio.put("/api/ml/", [{**BACKEND, "model_version": "sam-2"}])
    worker = Worker(load_settings(), store, lambda work: do_step(work, memory))
    assert worker.work_once()
    with store.read() as session:
        row = projects.get(session, project.id)
    assert (row.connected, row.error, row.lease_owner) == (False, "", None)


def test_a_cache_limit_that_cannot_hold_is_said_once_until_it_holds_again(work, caplog):
    work.settings = work.settings.model_copy(update={"cache_limit": 10})
    memory = Memory()
    work.folder.mkdir(parents=True)
    rows = work.folder / "inputs-key.rows"

    def said(size):
        rows.write_bytes(bytes(size))
        caplog.clear()
        _keep_cache_limit(work, memory)
        return caplog.messages

    assert said(5) == []
    assert said(15) == ["Images of projects in use are 5 bytes above CACHE_LIMIT."]
    assert said(20) == []
    assert said(5) == []
    assert len(said(15)) == 1


def test_a_project_s_order_is_looked_at_when_it_changes(work, monkeypatch):
    kept, settled = [], True
    monkeypatch.setattr(step.served_order, "keep", lambda _, now: kept.append(now) or settled)
    memory = Memory()
    about = (7, 1000, "Animals", CONFIG, SAMPLING)
    shown, hidden = (
        StudioProject(*about, version, "REQUEUE_FOR_OTHERS") for version in ("fishermask-1", "")
    )
    for now in (shown, shown, hidden, hidden):
        _keep_order(work, now, memory)
    assert kept == [shown, hidden]
    settled = False  # it was set: what is read now has come since
    for now in (shown, hidden, hidden):
        _keep_order(work, now, memory)
    assert kept == [shown, hidden, shown, hidden, hidden]
