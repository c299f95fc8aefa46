"""The command line, run as a program."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fishermask_backend import __version__
from fishermask_backend.cli import main
from fishermask_backend.priority import NICE
from tests.conftest import publish_round

ROOT = Path(__file__).resolve().parents[1]


def run(*arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "fishermask_backend.cli", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_names_every_command(capsys):
    with pytest.raises(SystemExit, match="0"):
        main(["--help"])
    text = capsys.readouterr().out
    for command in ("serve", "worker", "status", "export", "demo"):
        assert f"    {command} " in text
    with pytest.raises(SystemExit, match="0"):
        main(["--version"])
    assert capsys.readouterr().out.strip() == __version__


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["serve", "--port"], ["status", "x"]])
def test_wrong_arguments(arguments, capsys):
    with pytest.raises(SystemExit, match="2"):
        main(arguments)
    assert "usage: fishermask" in capsys.readouterr().err


def test_status_of_nothing(store, capsys):
    assert main(["status"]) == 0
    assert json.loads(capsys.readouterr().out) == []
    assert main(["status", "7"]) == 1
    assert "project 7" in capsys.readouterr().err


def test_status_of_a_project(store, project, capsys):
    publish_round(store, project, [2, 1])
    assert main(["status", "7"]) == 0
    assert json.loads(capsys.readouterr().out)["queue"]["task_ids"] == [2, 1]


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_wrong_setting_is_one_sentence(settings, command):
    ended = run(command, BATCH_SIZE="many")
    assert ended.returncode == 2
    assert ended.stderr.startswith("fishermask: BATCH_SIZE='many': ")
    assert len(ended.stderr.splitlines()) == 1


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_folder_that_cannot_be_made_is_one_sentence(settings, tmp_path, command):
    (tmp_path / "file").touch()
    ended = run(command, MODEL_DIR=str(tmp_path / "file" / "state"))
    assert ended.returncode == 2
    assert ended.stderr.startswith("fishermask: ")
    assert "MODEL_DIR" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_worker_gives_way_and_stops_when_told(settings):
    worker = subprocess.Popen(
        [sys.executable, "-m", "fishermask_backend.cli", "worker"],
        env=os.environ | {"PYTHONPATH": str(ROOT), "LABEL_STUDIO_URL": "http://127.0.0.1:9"},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        for line in worker.stderr:
            if "worker " in line:
                break
        time.sleep(0.5)
        assert os.getpriority(os.PRIO_PROCESS, worker.pid) == NICE
        if (shares := Path(f"/proc/{worker.pid}/autogroup")).exists():
            assert shares.read_text().split()[-1] == str(NICE)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
    finally:
        worker.kill()
        worker.stderr.close()
