"""URL_PREFIX: what is answered below it, what elsewhere, and that it is told to nobody."""

import logging

import pytest

from fishermask_backend.settings import BadSettings, load_settings
from fishermask_backend.store import projects
from fishermask_backend.web.app import create_app
from tests.conftest import CONFIG

PREFIX = "/a9-very~secret.path/7"


@pytest.fixture
def client(store, monkeypatch):
    monkeypatch.setenv("URL_PREFIX", PREFIX)
    load_settings.cache_clear()
    return create_app().test_client()


@pytest.mark.parametrize("pasted", [PREFIX, PREFIX + "/"])
def test_what_label_studio_calls_below_the_address_it_was_given(client, store, served, pasted):
    below = pasted.rstrip("/") + "/"  # as Label Studio joins them
    assert client.get(below + "health").json["status"] == "UP"
    setup = {"project": "7.1000", "schema": CONFIG, "access_token": ""}
    assert client.post(below + "setup", json=setup).json == {"model_version": "fishermask-1"}
    body = {"tasks": [{"id": 2, "project": 7}], "project": "7.1000"}
    assert client.post(below + "predict", json=body).json["results"][0]["score"] == 0.0
    event = {"action": "START_TRAINING", "project": {"id": 7}}
    assert client.post(below + "webhook", json=event).status_code == 201
    with store.read() as session:
        assert projects.get(session, served.id).train_asked_at
    assert client.get(below + "projects/7").json["title"] == "Animals"
    assert client.get(pasted).json["name"] == "FisherMask Backend"


@pytest.mark.parametrize(
    "path",
    [
        "/", "/projects", "/metrics", "/setup", "/health/", PREFIX + "x/projects",
        PREFIX[:-1], PREFIX[:-2], PREFIX.upper() + "/projects", PREFIX + PREFIX + "/projects",
        "/projects" + PREFIX, "//projects", PREFIX + "é", "/é",
    ],
)  # fmt: skip
def test_elsewhere_there_is_nothing(client, path):
    for method in ("GET", "POST"):
        answer = client.open(path, method=method, json={})
        assert answer.status_code == 404, path
        assert answer.is_json


def test_an_event_elsewhere_is_not_noted(client, store, served):
    event = {"action": "START_TRAINING", "project": {"id": 7}}
    assert client.post("/webhook", json=event).status_code == 404
    with store.read() as session:
        assert not projects.get(session, served.id).train_asked_at


def test_health_is_answered_at_the_root_too(client):
    assert client.get("/health").json["status"] == "UP"


def test_basic_auth_is_asked_for_below_it(store, monkeypatch):
    for name, value in {
        "URL_PREFIX": PREFIX,
        "BASIC_AUTH_USER": "u",
        "BASIC_AUTH_PASS": "p",
    }.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    client = create_app().test_client()
    assert client.get(PREFIX + "/projects").status_code == 401
    assert client.get(PREFIX + "/projects", auth=("u", "p")).json == []
    event = {"action": "TASKS_CREATED", "project": {"id": 7}}
    assert client.post(PREFIX + "/webhook", json=event).status_code == 201
    assert client.get("/health").status_code == 200
    assert client.get("/projects").status_code == 404  # not even that there is a password


def test_it_is_told_to_nobody(client, served, caplog):
    caplog.set_level(logging.DEBUG)
    answers = [
        client.get(PREFIX + path)
        for path in ("", "/projects/7", "/health", "/nothing", "/predict", "/metrics")
    ]
    answers.append(client.post(PREFIX + "/predict", json={"tasks": 1}))
    assert PREFIX not in caplog.text
    assert not any(PREFIX in str(record.__dict__) for record in caplog.records)
    assert not any(PREFIX in answer.text or PREFIX in str(answer.headers) for answer in answers)
    assert PREFIX not in repr(load_settings())


@pytest.mark.parametrize(
    "value",
    ["/", "s3cr3t", "/s3cr3t/", "/s3 cr3t", "/s3?x", "//s3cr3t", "/é", "/..", "/a/./b", "/a%2f"],
)  # fmt: skip
def test_what_is_no_prefix_stops_the_start_without_repeating_it(settings, monkeypatch, value):
    monkeypatch.setenv("URL_PREFIX", value)
    load_settings.cache_clear()
    with pytest.raises(BadSettings, match=r"URL_PREFIX=\(hidden\): a path like /s3cr3t"):
        load_settings()
