"""The web application: routes and refusals."""

import io
import json
import shutil
import sqlite3
from contextlib import closing

import pytest
from sqlalchemy import text

from fishermask_backend.machine.lifeline import Lifeline
from fishermask_backend.settings import load_settings
from fishermask_backend.store import database, leases, projects, rounds
from fishermask_backend.store.tokens import fingerprint
from fishermask_backend.versions import PROJECT_HEADER
from fishermask_backend.web import app as application
from fishermask_backend.web.app import create_app
from tests.conftest import CONFIG
from tests.web.routes import ROUTES

TEXT = '<View><Text name="t" value="$t"/><TextArea name="a" toName="t"/></View>'


@pytest.fixture
def client(store):
    return create_app().test_client()


def test_health_touches_nothing(client, store):
    store.close()
    state = fingerprint(load_settings())
    shutil.rmtree(load_settings().model_dir)
    up = {"status": "UP", "model_class": "FisherMaskBackend", "state": state}
    assert client.get("/health").json == up
    assert len(state) == 16


def test_label_studio_s_calls(client, store, served):
    setup = {
        "project": "7.1000",
        "schema": CONFIG,
        "hostname": "http://localhost:8080",
        "access_token": "0123",
        "extra_params": None,
    }
    assert client.post("/setup", json=setup).json == {"model_version": "fishermask-1"}
    predict = {
        "tasks": [{"id": 2, "project": 7, "data": {"image": "/2.png"}}],
        "project": "7.1000",
        "label_config": CONFIG,
        "params": {"login": None, "password": None, "context": None},
    }
    answer = client.post("/predict", json=predict).json
    assert [r["score"] for r in answer["results"]] == [0.0]
    assert answer["model_version"] == "fishermask-1"
    event = {"action": "START_TRAINING", "project": {"id": 7}}
    answer = client.post("/webhook", json=event)
    assert answer.status_code == 201
    assert answer.json["message"].startswith("A round begins")
    assert answer.json["page"] == "http://localhost/projects/7"
    with store.read() as session:
        assert projects.get(session, served.id).train_asked_at
    assert client.get("/versions").json == {"versions": ["fishermask-1"]}
    assert client.post("/job_status", json={"job": "1"}).json == {"job_status": "unknown"}
    assert client.post("/delete", json={}).status_code == 200


TWO = CONFIG.replace(
    "</View>",
    '<Choices name="species" toName="image"><Choice value="tit"/><Choice value="owl"/></Choices>'
    "</View>",
)


def test_a_project_has_settings_of_its_own(client, store, served):
    def connect(schema=TWO, **more):
        body = {"project": "7.1000", "schema": schema, "hostname": "", "access_token": "0"}
        return client.post("/setup", json=body | more)

    def stored():
        with store.read() as session:
            row = projects.get(session, served.id)
            return row.params, row.events

    before = stored()[1]
    own = {"control_name": "species", "batch_size": 30}
    assert connect(extra_params=json.dumps(own)).status_code == 200
    assert stored() == (own, before + 1)  # a worker looks what that changes
    assert client.get("/projects/7").json["settings"] == own
    assert connect(extra_params=own).status_code == 200
    assert connect().status_code == 200  # who does not send them changes nothing
    assert stored() == (own, before + 1)

    refused = connect(extra_params={"batch_size": 0})
    assert (refused.status_code, "batch_size=0" in refused.status) == (400, True)
    assert connect(CONFIG, extra_params=own).status_code == 422  # has no such control
    assert stored() == (own, before + 1)

    assert connect(extra_params=None).status_code == 200
    assert stored() == ({}, before + 2)


def test_settings_of_its_own_hold_for_a_project_s_pre_labels(client, store, served):
    asked = {"tasks": [{"id": 2, "project": 7, "data": {}}], "project": "7.1000"}
    assert client.post("/predict", json=asked).json["results"][0]["result"]
    with store.begin() as session:
        projects.get(session, served.id).params = {"prelabels": False}
    assert client.post("/predict", json=asked).json["results"][0]["result"] == []


def test_a_new_project_has_them_from_the_start(client, store):
    body = {"project": "8.1000", "schema": CONFIG, "extra_params": {"strategy": "margin"}}
    assert client.post("/setup", json=body).status_code == 200
    with store.read() as session:
        row = projects.find(session, load_settings().label_studio_url, 8)
        assert row.params == {"strategy": "margin"}


def test_event_without_its_project_is_understood_by_its_header(client, store, served):
    event = {"action": "START_TRAINING"}
    refused = client.post("/webhook", json=event, headers={PROJECT_HEADER: "seven"})
    assert (refused.status_code, "project='seven'" in refused.json["error"]) == (400, True)
    assert client.post("/webhook", json=event, headers={PROJECT_HEADER: "7"}).status_code == 201
    with store.read() as session:
        assert projects.get(session, served.id).train_asked_at


@pytest.mark.parametrize("named", ["7.1000", 7, {"id": 7}])
def test_train_asks_for_a_round(client, store, served, named):
    assert client.post("/train", json={"project": named}).status_code == 201
    with store.read() as session:
        assert projects.get(session, served.id).train_asked_at


def test_status(client, served):
    everything = client.get("/").json
    assert everything["name"] == "FisherMask Backend"
    (short,) = everything["projects"]
    assert client.get("/projects").json == [short]
    assert (short["id"], short["title"], short["tasks"]) == (7, "Animals", 4)
    whole = client.get("/projects/7").json
    assert whole["queue"] == {"version": "fishermask-1", "task_ids": [2, 1], "why": {}}
    assert [r["acquisition"] for r in whole["rounds"]] == ["fishermask"]
    assert whole["rounds"][0]["trigger_to_order_seconds"] >= 0
    assert client.get(f"/projects/{2**63}").status_code == 404
    missing = client.get("/projects/8")
    assert (missing.status_code, "8" in missing.json["error"]) == (404, True)


def test_status_tells_how_well_it_learns(client, store, served):
    with store.begin() as session:
        row = projects.get(session, served.id)
        source = rounds.history(session, served.id)[-1]
        source.checked = source.agreed = 1
        lease = leases.claim(session, row.address, "worker")
        leases.fail(session, lease, "Label Studio did not answer.")
    whole = client.get("/projects/7").json
    assert whole["learning"].startswith("Of the last 1 labels that the queue asked for,")
    assert (whole["later_accuracy"], whole["queue_left"], whole["failures"]) == (1.0, 2, 1)
    (only,) = whole["rounds"]
    assert (only["accuracy"], only["later_labels"]) == (1.0, 1)
    (error,) = whole["errors"]
    assert error == {"at": whole["next_try"] - 1, "error": whole["error"]}


def test_status_tells_no_token(client, store, served):
    with store.begin() as session:
        projects.get(session, served.id).token = "sealed-token"
    assert b"sealed-token" not in client.get("/projects/7").data


def test_unsupported_config_shows_in_the_status_line(client):
    # Label Studio shows people the reason phrase, which must be one line of ASCII.
    body = {"project": "7.1000", "schema": TEXT.replace("a", "ä"), "hostname": ""}
    answer = client.post("/setup", json=body)
    assert answer.status_code == 422
    assert "A config that works: <View><Image" in answer.status
    assert answer.status.isascii()
    assert client.post("/validate", json={"config": TEXT}).status_code == 422
    assert client.post("/validate", json={"config": CONFIG}).status_code == 200


@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/setup", {"schema": CONFIG}, "project="),
        ("/setup", {"project": 7, "schema": CONFIG}, "project="),
        ("/setup", {"project": "7.1000"}, "schema="),
        ("/predict", {"project": "7.1000"}, "tasks="),
        ("/predict", {"project": "7.1000", "tasks": {}}, "tasks="),
        ("/predict", {"project": "seven", "tasks": []}, "project="),
        ("/predict", {"project": "7.1000", "tasks": [{}]}, "tasks[0].id="),
        ("/webhook", {"project": {"id": 7}}, "action="),
        ("/webhook", {"action": "START_TRAINING"}, "project="),
        ("/train", {"project": "x"}, "project="),
        ("/predict", {"project": f"7.{2**64}", "tasks": []}, "project="),
        ("/predict", {"project": "7.1000", "tasks": [{"id": 2**63}]}, "tasks[0].id="),
        ("/webhook", {"action": "START_TRAINING", "project": {"id": 2**63}}, "project="),
        (
            "/setup",
            {"project": "7.1000", "schema": CONFIG, "access_token": "\ud800"},
            "access_token=",
        ),
    ],
)
def test_bad_requests_are_named(client, path, body, named):
    answer = client.post(path, json=body)
    assert answer.status_code == 400
    assert named in answer.json["error"]


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"text"', b"\xff", b"[" * 100_000], ids=lambda body: body[:6]
)
@pytest.mark.parametrize("path", ["/setup", "/predict", "/webhook", "/train", "/validate"])
def test_bodies_that_are_no_object(client, path, body):
    answer = client.post(path, data=body, content_type="application/json")
    assert answer.status_code == 400
    assert "JSON object" in answer.json["error"]


def test_too_large_a_body(client, monkeypatch):
    monkeypatch.setenv("MAX_BODY", "1000")
    load_settings.cache_clear()
    body = json.dumps({"project": "7.1000", "tasks": [{"id": 1}], "label_config": "x" * 1000})
    answer = create_app().test_client().post("/predict", data=body)
    assert answer.status_code == 413
    assert answer.is_json


def test_an_event_may_be_a_mebibyte(client, store, served):
    event = {"action": "ANNOTATION_CREATED", "project": {"id": 7}, "task": "x" * 1_000_000}
    assert client.post("/webhook", json=event).status_code == 201
    event["task"] *= 2
    assert client.post("/webhook", json=event).status_code == 413
    body = io.BytesIO(json.dumps(event).encode())
    chunked = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked"}
    answer = client.post("/webhook", input_stream=body, environ_overrides=chunked)
    assert answer.status_code == 400  # what is read of it is no JSON
    assert body.tell() < 1_100_000


def test_locked_database_costs_what_must_be_written_only(store, served, monkeypatch):
    monkeypatch.setattr(database, "HURRY_SECONDS", 0.05)
    client = create_app().test_client()
    with closing(sqlite3.connect(load_settings().model_dir / "fishermask.db")) as another:
        another.execute("BEGIN IMMEDIATE")
        event = {"action": "ANNOTATION_CREATED", "project": {"id": 7}}
        refused = client.post("/webhook", json=event)
        assert (refused.status_code, "Another program" in refused.json["error"]) == (503, True)
        assert (
            client.post("/setup", json={"project": "7.1000", "schema": CONFIG}).status_code == 200
        )
        asked = {"project": "7.1000", "tasks": [{"id": 2}, {"id": 4}]}  # 4 is not scored
        answer = client.post("/predict", json=asked)
        assert [r and r["score"] for r in answer.json["results"]] == [0.0, []]
        assert client.get("/projects/7").status_code == 200
    assert client.post("/webhook", json=event).status_code == 201


def test_ready_tells_what_is_missing(client, store, served, settings):
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["ready"]) == (503, False)
    assert "start `fishermask worker`" in answer.json["worker"]
    assert client.get("/health").status_code == 200
    alive = Lifeline(settings.model_dir)
    with store.begin() as session:
        projects.get(session, served.id).error = "Label Studio did not answer."
    answer = client.get("/ready")
    assert answer.status_code == 200
    assert answer.json == {
        "ready": True, "database": "works", "worker": answer.json["worker"], "projects": 1,
        "errors": {"7": "Label Studio did not answer."},
    }  # fmt: skip
    assert client.get("/").json["worker"] == answer.json["worker"]
    assert alive.name not in answer.text  # processes and hosts are nobody's business


def test_ready_says_that_the_database_does_not_work(client, store, served, settings):
    alive = Lifeline(settings.model_dir)
    with store.begin() as session:
        session.execute(text("ALTER TABLE projects RENAME TO lost"))
    answer = client.get("/ready")
    assert (answer.status_code, answer.json["ready"]) == (503, False)
    assert "lost" not in answer.json["worker"]
    assert answer.json["worker"].startswith("lives"), alive.name
    assert "The database" in answer.json["database"]


def test_unknown_paths_and_methods_are_json(client):
    assert client.get("/nothing").status_code == 404
    assert client.get("/nothing").is_json
    assert client.get("/predict").status_code == 405
    assert client.get("/predict").is_json


def test_bug_tells_no_details(client, monkeypatch):
    def broken():
        raise ZeroDivisionError("secret detail")

    monkeypatch.setattr(application, "projects_status", broken)
    answer = client.get("/versions")
    assert answer.status_code == 500
    assert "secret detail" not in answer.text
    assert "log" in answer.json["error"]


def test_every_route_is_there(client):
    rules = {(m, r.rule) for r in create_app().url_map.iter_rules() for m in r.methods}
    assert {(m, p.replace("/7", "/<int:studio_id>")) for m, p in ROUTES} <= rules
