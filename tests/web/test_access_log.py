"""Request ids, and the line in the log of every request."""

import logging

import pytest

from fishermask_backend.web.app import create_app


@pytest.fixture
def client(store):
    return create_app().test_client()


@pytest.mark.parametrize("given", ["4f6b", "a.B-c_1", "x" * 64])
def test_sane_id_is_kept(client, given):
    assert client.get("/health", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", [None, "", "two words", "x" * 65, "é", '"}{"'])
def test_other_ids_are_made(client, given):
    headers = {} if given is None else {"X-Request-Id": given}
    answers = [client.get("/health", headers=headers).headers["X-Request-Id"] for _ in range(2)]
    assert answers[0] != answers[1] != given
    assert all(len(answer) == 32 for answer in answers)


def test_line_of_a_request(client, caplog):
    caplog.set_level(logging.INFO)
    client.get("/projects/8")
    (line,) = caplog.records
    assert (line.method, line.path, line.status) == ("GET", "/projects/8", 404)
    assert line.milliseconds > 0
    assert line.getMessage() == f"GET /projects/8 404 {line.milliseconds} ms"


def test_health_is_told_to_debuggers_only(client, caplog):
    caplog.set_level(logging.INFO)
    client.get("/health")
    assert not caplog.records
    caplog.set_level(logging.DEBUG)
    client.get("/health")
    assert [line.path for line in caplog.records if hasattr(line, "path")] == ["/health"]


def test_what_nobody_expected_is_told_too(client, caplog, monkeypatch):
    monkeypatch.setattr("fishermask_backend.web.app.projects_status", lambda: 1 / 0)
    caplog.set_level(logging.INFO)
    assert client.get("/versions").headers["X-Request-Id"]
    error, line = caplog.records
    assert (error.getMessage(), line.status) == ("GET /versions", 500)
    assert "ZeroDivisionError" in caplog.text
