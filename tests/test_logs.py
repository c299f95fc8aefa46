"""What web server and worker write on standard error, as they are started."""

import contextlib
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from fishermask_backend import logs
from fishermask_backend.demo.folder import free_port
from fishermask_backend.logs import logging_fields
from fishermask_backend.settings import load_settings
from tests.conftest import CONFIG

ROOT = Path(__file__).resolve().parents[1]
PASSWORD, KEY, OFFERED, SIGNED = "s3cret-pass", "s3cret-key", "s3cret-offered", "s3cret-signature"


@pytest.fixture
def configure(settings, monkeypatch):
    """Sets logging up as a process does; pytest's own comes back behind the test."""
    monkeypatch.setattr(logging.getLogger(), "handlers", [])

    def with_settings(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        logs.configure(load_settings())

    level = logging.getLogger().level
    yield with_settings
    logging.getLogger().setLevel(level)
    logging.captureWarnings(False)


def test_text_names_the_request(configure, capsys):
    configure()
    with logging_fields(request_id="abc"):
        logging.getLogger("here").info("inside")
    logging.getLogger("here").info("outside")
    inside, outside = capsys.readouterr().err.splitlines()
    assert inside.endswith(" INFO here: [abc] inside")
    assert outside.endswith(" INFO here: outside")


def test_json_has_the_fields_of_all_around_it(configure, capsys):
    configure(LOG_FORMAT="json")
    with logging_fields(project=7), logging_fields(request_id="abc"):
        logging.getLogger("here").warning("took %s s", 3, extra={"stage": "train", "seconds": 3})
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("+00:00")
    assert line == {
        "level": "WARNING", "logger": "here", "message": "took 3 s",
        "stage": "train", "seconds": 3, "project": 7, "request_id": "abc",
    }  # fmt: skip


def test_json_holds_a_traceback_in_its_line(configure, capsys):
    configure(LOG_FORMAT="json")
    try:
        raise ZeroDivisionError("müde")
    except ZeroDivisionError:
        logging.getLogger("here").exception("failed")
    line = json.loads(capsys.readouterr().err)
    assert line["exception"].endswith("ZeroDivisionError: müde")


def test_level(configure, capsys):
    configure(LOG_LEVEL="WARNING")
    logging.getLogger("here").info("not said")
    assert capsys.readouterr().err == ""


@contextlib.contextmanager
def started(*command, **environment):
    """A program with every secret there is, talkative."""
    secrets = {
        "LOG_LEVEL": "DEBUG",
        "LOG_FORMAT": "json",
        "LABEL_STUDIO_URL": "http://127.0.0.1:9",
        "LABEL_STUDIO_API_KEY": KEY,
        "LABEL_STUDIO_HEADERS": '{"X-Gate": "s3cret-gate"}',
        "SECRET_KEY": "s3cret-secret",
        "BASIC_AUTH_USER": "somebody",
        "BASIC_AUTH_PASS": PASSWORD,
    }
    with subprocess.Popen(
        [sys.executable, "-m", *command],
        env=os.environ | secrets | {"PYTHONPATH": str(ROOT)} | environment,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            yield program.stderr
        finally:
            program.terminate()


def last_lines(output, last):
    """The lines of a program up to the one with this text."""
    lines = [""]
    while last not in lines[-1]:
        lines.append(output.readline())
        assert lines[-1], lines
    return lines[1:]


@pytest.mark.parametrize("command", ["serve", "_wsgi"])
def test_web_server_tells_requests_but_no_secret(settings, command):
    port = free_port()
    program = ["fishermask_backend.cli", "serve"] if command == "serve" else ["_wsgi"]
    with (
        started(*program, PORT=str(port)) as output,
        httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as web,  # it is just starting
    ):
        for _ in range(300):
            with contextlib.suppress(httpx.ConnectError):
                web.get("/health")
                break
            time.sleep(0.1)
        good, bad = ("somebody", PASSWORD), ("somebody", f"{PASSWORD}!")
        setup = {"project": "7.1000", "schema": CONFIG, "access_token": OFFERED}
        web.post("/setup", json=setup, auth=good, headers={"X-Request-Id": "mine"})
        web.post("/setup", json=setup, auth=bad)
        web.post("/setup", json=setup, headers={"Authorization": f"Token {KEY}"})
        web.post("/setup", json=setup | {"project": OFFERED}, auth=good)
        web.post("/webhook", json={"action": "ANNOTATION_CREATED", "project": {"id": 7}})
        web.post("/webhook", content=f'{{"access_token": "{OFFERED}"')
        web.get(f"/projects?signature={SIGNED}", auth=good)
        web.get(f"/{SIGNED}/health", auth=good)
        lines = last_lines(output, "no such path")
    assert "s3cret" not in "\n".join(lines)
    told = [
        line for text in lines if text.startswith("{") if "status" in (line := json.loads(text))
    ]
    assert [(line["method"], line["path"], line["status"]) for line in told[-8:]] == [
        ("POST", "/setup", 200), ("POST", "/setup", 401), ("POST", "/setup", 401),
        ("POST", "/setup", 400), ("POST", "/webhook", 201), ("POST", "/webhook", 400),
        ("GET", "/projects", 200), ("GET", "(no such path)", 404),
    ]  # fmt: skip
    assert [line["level"] for line in told if line["path"] == "/health"] == ["DEBUG"]
    assert [line["request_id"] for line in told].count("mine") == 1
    if command == "serve":
        assert all(json.loads(text) for text in lines)
        assert any("Listening at" in text for text in lines)


def test_worker_tells_no_secret(settings):
    with started("fishermask_backend.cli", "worker", BACKEND_URL="http://127.0.0.1:8") as output:
        lines = last_lines(output, "did not answer")
    assert all(json.loads(line) for line in lines)
    assert "s3cret" not in "".join(lines)
