"""What the doctor says of the machine, and of this backend's own processes."""

import json
import os
import time

import pytest
import torch
from werkzeug.serving import make_server

from fishermask_backend.commands.doctor.machine import check_machine, check_processes
from fishermask_backend.machine.lifeline import Lifeline
from fishermask_backend.web.app import create_app
from tests.commands.doctor.conftest import found, somebody_s_server, web


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
