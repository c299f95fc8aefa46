"""What the doctor says without Label Studio: settings, machine, own processes, and its lines."""

import json
import os
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import cast

import pytest
import torch
from werkzeug.serving import make_server

from fishermask_backend.commands.doctor import examine
from fishermask_backend.commands.doctor.connection import _state
from fishermask_backend.commands.doctor.findings import failed, ok
from fishermask_backend.commands.doctor.machine import check_machine, check_processes
from fishermask_backend.commands.doctor.project import check_project
from fishermask_backend.commands.doctor.server import check_key, check_server, open_with_key
from fishermask_backend.machine.lifeline import Lifeline
from fishermask_backend.settings import load_settings
from fishermask_backend.store import Store, projects
from fishermask_backend.store.tokens import TokenBox
from fishermask_backend.studio import Page, Studio, StudioProject
from fishermask_backend.web.app import create_app
from tests.command_line import fishermask
from tests.images.image_server import serving
from tests.studio.answers import Answers


@pytest.fixture
def with_settings(settings, monkeypatch):
    """Settings as they are with these variables."""

    def read(**environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        return load_settings()

    monkeypatch.setenv("BACKBONE", "small_cnn")
    monkeypatch.setenv("LABEL_STUDIO_URL", "http://127.0.0.1:9")
    return read


@contextmanager
def web(server):
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@contextmanager
def somebody_s_server(status, body="", **headers):
    """A server that answers everything like this."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_):
            pass

    with web(ThreadingHTTPServer(("127.0.0.1", 0), Answers)) as address:
        yield address


def found(findings):
    return {finding.what: finding for finding in findings}


def test_lines():
    assert str(ok("key", "is taken")) == "ok       key: is taken"
    line = failed("key", "of two\nlines, /s3cr3t", "see /s3cr3t").without("/s3cr3t")
    assert str(line) == "FAILED   key: of two lines, /<URL_PREFIX> -> see /<URL_PREFIX>"


@pytest.mark.parametrize("status", [401, 403, 302])
def test_a_proxy_s_log_in_is_told(with_settings, status):
    to = "https://sso.example/start?state=s3cret"
    with somebody_s_server(status, "<html>Log in</html>", Location=to) as address:
        (line,) = check_server(with_settings(LABEL_STUDIO_URL=address))
    assert line.level == "FAILED"
    assert "LABEL_STUDIO_HEADERS" in line.fix
    assert "s3cret" not in str(line)


def test_a_host_s_name_that_django_does_not_take(with_settings):
    with somebody_s_server(400, "<h1>Bad Request (400)</h1>") as address:
        (line,) = check_server(with_settings(LABEL_STUDIO_URL=address))
    assert "underscore" in line.fix


def test_wrong_setting_is_all_there_is_to_say(with_settings, monkeypatch):
    monkeypatch.setenv("BATCH_SIZE", "many")
    load_settings.cache_clear()
    (finding,) = examine()
    assert str(finding).startswith("FAILED   settings: BATCH_SIZE='many': ")


def test_healthy_machine(with_settings):
    settings = with_settings()
    lines = list(check_machine(settings))
    assert [line.what for line in lines] == ["MODEL_DIR", "database", "device", "backbone"]
    assert {line.level for line in lines} == {"ok"}
    assert [path.name for path in settings.model_dir.iterdir()] == ["fishermask.db"]


def test_model_dir_that_cannot_be_written(with_settings, tmp_path):
    (tmp_path / "file").touch()
    lines = found(check_machine(with_settings(MODEL_DIR=str(tmp_path / "file" / "state"))))
    assert lines["MODEL_DIR"].level == lines["database"].level == "FAILED"
    assert "cannot be written" in lines["MODEL_DIR"].how


def test_disk_that_is_nearly_full(with_settings, small_disk):
    folder, *_ = check_machine(with_settings(MODEL_DIR=str(small_disk)))
    assert (folder.level, folder.what) == ("warning", "MODEL_DIR")
    assert "0.0 GiB free" in folder.how


def test_database_that_is_none(with_settings):
    settings = with_settings()
    settings.model_dir.mkdir()
    (settings.model_dir / "fishermask.db").write_bytes(b"no database" * 100)
    line = found(check_machine(settings))["database"]
    assert line.level == "FAILED"
    assert "move the file away" in line.how


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_gpu_that_is_not_there(with_settings):
    line = found(check_machine(with_settings(DEVICE="cuda")))["device"]
    assert (line.level, "DEVICE=auto" in line.how) == ("FAILED", True)


def test_backbone_that_is_none(with_settings):
    line = found(check_machine(with_settings(BACKBONE="resnet19")))["backbone"]
    assert (line.level, "resnet19" in line.how) == ("FAILED", True)


def test_worker(with_settings):
    settings = with_settings()

    def line():
        return found(check_processes(settings))["worker"]

    assert (line().level, "none has ever run" in line().how) == ("FAILED", True)
    alive = Lifeline(settings.model_dir)
    alive.beat(0)
    assert line().level == "ok"
    silent = time.time() - 600
    os.utime(settings.model_dir / "workers" / alive.name, (silent, silent))
    assert line().level == "FAILED"
    assert "last seen 60" in line().how


def test_web_server(store, with_settings):
    with_settings()
    with web(make_server("127.0.0.1", 0, create_app())) as address:
        lines = found(
            check_processes(with_settings(PORT=address.rpartition(":")[2], HOST="0.0.0.0"))
        )
    assert lines["web server"].level == "ok"
    assert lines["web server"].how.endswith("and is this backend's")
    with somebody_s_server(200, "hello") as address:
        line = found(check_processes(with_settings(PORT=address.rpartition(":")[2])))["web server"]
    assert (line.level, "something else" in line.how) == ("warning", True)
    line = found(check_processes(with_settings()))["web server"]
    assert (line.level, "does not answer" in line.how) == ("warning", True)


@pytest.mark.parametrize(
    "other",
    [
        {"MODEL_DIR": "/tmp/elsewhere"},
        {"DATABASE_URL": "sqlite:///elsewhere.db"},
        {"LABEL_STUDIO_URL": "http://labels.example:8080"},
        {"SECRET_KEY": "another"},
    ],
)
def test_a_web_server_of_another_backend(store, with_settings, tmp_path, other):
    with_settings()
    with web(make_server("127.0.0.1", 0, create_app())) as address:
        port = address.rpartition(":")[2]
        same = with_settings(PORT=port)
        assert found(check_processes(same))["web server"].level == "ok"
        other = {k: v.replace("/tmp", str(tmp_path)) for k, v in other.items()}
        line = found(check_processes(with_settings(**other)))["web server"]
    assert (line.level, "another FisherMask answers" in line.how) == ("warning", True)
    assert "or each backend a PORT of its own" in line.fix


def test_a_web_server_that_does_not_say_whose_it_is(with_settings):
    body = json.dumps({"status": "UP", "model_class": "FisherMaskBackend"})
    with somebody_s_server(200, body) as address:
        line = found(check_processes(with_settings(PORT=address.rpartition(":")[2])))["web server"]
    assert (line.level, "does not say with which MODEL_DIR" in line.how) == ("ok", True)
    for body in ("[]", '{"model_class": "YOLO"}'):
        with somebody_s_server(200, body) as address:
            port = address.rpartition(":")[2]
            line = found(check_processes(with_settings(PORT=port)))["web server"]
        assert line.level == "warning"
        assert "stop that program" in line.fix


def test_label_studio_s_address(with_settings):
    def line(url):
        (only,) = check_server(with_settings(LABEL_STUDIO_URL=url))
        return only

    assert "is LABEL_STUDIO_URL its address as seen from here?" in line("http://127.0.0.1:9").how
    for status, body in ((404, ""), (502, ""), (200, "<html>"), (200, "[]"), (200, "{}")):
        with somebody_s_server(status, body) as address:
            assert (line(address).level, "not Label Studio" in line(address).how) == (
                "FAILED",
                True,
            )
    with somebody_s_server(301, Location="https://labels.example.com/api/version/") as address:
        assert line(address).how == f"{address} redirects to https://labels.example.com"
    for release, level in (("1.23.2", "ok"), ("1.20.0", "warning")):
        with somebody_s_server(200, json.dumps({"release": release})) as address:
            assert line(address).level == level


def test_key(with_settings, store):
    settings = with_settings(LABEL_STUDIO_API_KEY="")
    studio, line = open_with_key(settings, 7)
    assert (studio, line.level) == (None, "FAILED")
    assert "has sent none for project 7" in line.how
    with store.begin() as session:
        row = projects.register(session, settings.label_studio_url, 7, 1000)
        row.token = TokenBox.of(settings).seal("0123456789abcdef")
    studio, line = open_with_key(settings, 7)
    assert studio is None
    assert "the token that Label Studio sent (a legacy token): Cannot ask whose" in line.how
    assert "0123456789abcdef" not in str(line)


def test_command(with_settings):
    Store(with_settings().database).close()
    ended = fishermask("doctor")
    assert ended.exit_code == 1
    lines = ended.stdout.splitlines()
    assert lines[0] == "ok       settings: valid, of the environment"
    assert lines[1].startswith("ok       MODEL_DIR: ")
    assert lines[-1].startswith(
        "FAILED   Label Studio: http://127.0.0.1:9: Label Studio did not answer"
    )
    ended = fishermask("doctor", "--json")
    assert ended.exit_code == 1
    last = json.loads(ended.stdout.splitlines()[-1])
    assert (last["level"], last["what"]) == ("FAILED", "Label Studio")


def test_what_the_key_sees(with_settings):
    with serving(Answers("k" * 40)) as studio:
        studio.put("/api/current-user/whoami", {"id": 1, "email": "me@example.com"})
        right = with_settings(LABEL_STUDIO_URL=studio.url, LABEL_STUDIO_API_KEY="k" * 40)
        (line,) = check_key(right)
        assert (line.level, line.what) == ("ok", "LABEL_STUDIO_API_KEY")
        assert line.how == "is me@example.com's, who sees the projects 7 «Animals»"
        studio.put("/api/projects/", {"count": 0, "results": []})
        (line,) = check_key(right)
        assert (line.level, "sees no project" in line.how) == ("warning", True)
        (line,) = check_key(with_settings(LABEL_STUDIO_API_KEY="0" * 40))
        assert (line.level, "401" in line.how) == ("FAILED", True)


@pytest.mark.parametrize(("message", "said"), [(None, "in vain"), ("refused", "in vain: refused")])
def test_a_backend_that_does_not_answer(message, said):
    backend = {"url": "http://backend:9090", "state": "DI", "error_message": message}
    assert _state(backend).how == f"Label Studio calls http://backend:9090 {said}"


class Labelled:
    """As much of Label Studio as the doctor asks about a project's config."""

    def __init__(self, config):
        self.config = config

    def project(self, studio_id):
        return StudioProject(studio_id, 1000, "Birds", self.config, "", "", "")

    def tasks_between(self, studio_id, kind, first, last):
        return Page([], 0)


def test_every_control_that_is_learnt_is_told_and_those_that_are_not(with_settings, store):
    choices = '<Choice value="cat"/><Choice value="dog"/></Choices>'
    config = (
        '<View><Image name="image" value="$image"/><Image name="back" value="$back"/>'
        f'<Choices name="species" toName="image" required="true">{choices}'
        '<Rating name="quality" toName="image" maxRating="2"/>'
        f'<Choices name="other" toName="back">{choices}</View>'
    )
    found = [*check_project(with_settings(), cast("Studio", Labelled(config)), 7)]
    told = [(f.level, f.how) for f in found]
    assert told[:2] == [
        ("ok", "«Birds»: the control 'species' is learnt, of cat, dog"),
        ("ok", "«Birds»: the control 'quality' is learnt, of 1, 2"),
    ]
    assert told[2][1].startswith("the control 'quality' may be submitted empty")
    assert told[3][1].startswith("The control 'other' is not learnt: it labels $back")
    assert len(told) == 5  # there are no tasks
