"""Basic auth: who may call what."""

import hmac

import pytest

from fishermask_backend.settings import load_settings
from fishermask_backend.web import basic_auth
from fishermask_backend.web.app import create_app
from tests.web.routes import ROUTES


@pytest.fixture
def guarded(store, monkeypatch):
    monkeypatch.setenv("BASIC_AUTH_USER", "björn")
    monkeypatch.setenv("BASIC_AUTH_PASS", "pass:word")
    load_settings.cache_clear()
    return create_app().test_client()


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("auth", [None, ("björn", ""), ("", "pass:word"), ("björn", "pass:wor")])
def test_basic_auth_guards(guarded, method, path, auth):
    answer = guarded.open(path, method=method, json={}, auth=auth)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


@pytest.mark.parametrize("auth", [None, ("nobody", "pass:word"), ("björn", "wrong")])
def test_basic_auth_compares_both_always_in_constant_time(guarded, monkeypatch, auth):
    compared = []

    def compare(given, wanted):
        compared.append(wanted.decode())
        return compare_digest(given, wanted)

    compare_digest = hmac.compare_digest
    monkeypatch.setattr(basic_auth.hmac, "compare_digest", compare)
    assert guarded.get("/projects", auth=auth).status_code == 401
    assert compared == ["björn", "pass:word"]


def test_basic_auth_lets_in(guarded):
    assert guarded.get("/projects", auth=("björn", "pass:word")).json == []
    assert guarded.get("/health").status_code == 200
    event = {"action": "TASKS_CREATED", "project": {"id": 7}}
    assert guarded.post("/webhook", json=event).status_code == 201  # it is sent without
    assert guarded.get("/", headers={"Authorization": "Bearer x"}).status_code == 401


def test_start_training_needs_the_credentials_that_label_studio_sends_with_it(guarded):
    button = {"action": "START_TRAINING", "project": {"id": 7}}
    for auth in (None, ("björn", "wrong")):
        answer = guarded.post("/webhook", json=button, auth=auth)
        assert (answer.status_code, "Basic" in answer.headers["WWW-Authenticate"]) == (401, True)
    assert guarded.post("/webhook", json=button, auth=("björn", "pass:word")).status_code == 201
