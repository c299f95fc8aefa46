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


def put_params(studio, *params, url=BACKEND["url"]):
    backends = [
        {
            **BACKEND,
            "url": f"{url}{'' if i == 0 else i}",
            "model_version": "fishermask-0",
            "extra_params": p,
        }
        for i, p in enumerate(params)
    ]
    studio.put("/api/ml/", backends)


def test_settings_that_were_changed_while_nobody_heard_it_are_taken(studio, asking):
    def params(given, *more, **how):
        put_params(studio, given, *more, **how)
        assert keep_connected(asking, look=True)
        project = asking.project()
        return project.params, project.params_note

    assert params({"batch_size": 30}) == ({"batch_size": 30}, "")
    assert params('{"BATCH_SIZE": 31}') == ({"batch_size": 31}, "")  # as the Model page sends it
    kept, note = params({"batch_size": 0})
    assert kept == {"batch_size": 31}
    assert note == (
        "Extra params: batch_size=0: Input should be greater than or equal to 1. Until then it goes on "
        "with {'batch_size': 31}."
    )
    assert params("batch_size: 3")[1].startswith("Extra params 'batch_size: 3': a JSON object is")
    assert params({"port": 1})[1].startswith("Extra params: port is a setting of the whole backend")
    assert params({"seed": 1}, {"seed": 2}) == ({"seed": 1}, "")  # of two, the one at BACKEND_URL
    others = "http://other:9090"
    assert params({"seed": 3}, {"seed": 4}, url=others) == ({"seed": 1}, "")  # whose is not known
    assert params({"seed": 3}, url=others) == ({"seed": 3}, "")
    assert params(None) == ({}, "")


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
