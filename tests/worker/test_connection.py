"""Whether this backend is connected: what Label Studio's list says, and when it is asked."""

import time

import pytest

from fishermask_backend.errors import ProjectGone
from fishermask_backend.settings import load_settings
from fishermask_backend.store import projects
from fishermask_backend.studio import Studio
from fishermask_backend.worker.connection import discover, keep_connected
from tests.images.image_server import serving
from tests.store.stored import change
from tests.studio.answers import BACKEND, PROJECT, Answers

KEY = "0" * 40


@pytest.fixture
def studio(monkeypatch):
    with serving(Answers(KEY)) as server:
        monkeypatch.setenv("LABEL_STUDIO_URL", server.url)
        monkeypatch.setenv("LABEL_STUDIO_API_KEY", KEY)
        monkeypatch.setenv("BACKEND_URL", BACKEND["url"])
        yield server


@pytest.fixture
def asking(studio, work):
    """A step that can ask it."""
    with Studio(studio.url, KEY) as opened:
        work.studio = opened
        yield work


def paths(studio):
    return [path.partition("?")[0] for path, _ in studio.seen]


def test_a_connected_project_is_not_asked_about_at_every_step(studio, asking):
    assert keep_connected(asking)
    assert studio.seen == []
    assert keep_connected(asking, look=True)
    assert paths(studio) == ["/api/ml/"]


def test_a_full_pass_looks_and_shortens_events(studio, asking):
    change(asking, pass_wanted=True)
    assert keep_connected(asking)
    assert paths(studio) == ["/api/ml/", "/api/webhooks/"]


def test_a_removed_backend_is_noticed(studio, asking):
    studio.put("/api/ml/", [{**BACKEND, "model_version": "sam-2"}])  # another one, at that address
    change(asking, former={"sampling": "Uniform sampling", "model_version": "", "set": True})
    assert not keep_connected(asking, look=True)
    project = asking.project()
    assert (project.connected, project.former) == (False, None)
    assert paths(studio) == ["/api/ml/", "/api/projects/7/"]  # whose order is not ours to give back


def test_after_an_absence_everything_is_read_again(studio, asking):
    change(asking, connected=False)
    assert keep_connected(asking)
    project = asking.project()
    assert (project.connected, project.pass_wanted) == (True, True)


def test_a_deleted_project_is_gone(studio, asking):
    studio.put("/api/ml/", {"detail": "Not found."}, 404)
    with pytest.raises(ProjectGone):
        keep_connected(asking, look=True)


def found(store):
    return list(discover(load_settings(), store))


def test_a_backend_that_lost_its_database_finds_its_projects(studio, store):
    others = [{**PROJECT, "id": i} for i in (8, 9)]
    studio.put("/api/projects/", {"count": 3, "results": [PROJECT, *others]})
    assert found(store) == [7, 8, 9]  # all have it, in this Label Studio
    with store.read() as session:
        known = projects.of_server(session, load_settings().label_studio_url)
        assert [(p.studio_id, p.created, p.connected) for p in known] == [
            (7, 1000, False), (8, 1000, False), (9, 1000, False),
        ]  # fmt: skip
        assert all(p.due_at <= time.time() for p in known)
    assert found(store) == []  # known now


def test_other_backends_projects_are_left_alone(studio, store):
    studio.put("/api/ml/", [{**BACKEND, "url": "http://another:9090"}])
    assert found(store) == [7]
    with store.read() as session:
        assert projects.all_projects(session) == []


def test_a_project_that_cannot_be_asked_about_hides_no_other(studio, store, caplog):
    studio.put("/api/projects/", {"count": 2, "results": [PROJECT, {**PROJECT, "id": 8}]})
    studio.put("/api/ml/", {"detail": "Oh no."}, 502)
    assert found(store) == [7, 8]
    assert "502" in caplog.text


@pytest.mark.parametrize("missing", ["LABEL_STUDIO_API_KEY", "BACKEND_URL"])
def test_without_a_key_or_an_address_nothing_is_looked_for(studio, store, monkeypatch, missing):
    monkeypatch.delenv(missing)
    load_settings.cache_clear()
    assert found(store) == []
    assert studio.seen == []
