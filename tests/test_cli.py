"""The command line, run as a program."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fishermask_backend import __version__
from fishermask_backend.cli import main
from fishermask_backend.machine.priority import NICE
from tests.command_line import fishermask
from tests.conftest import publish_round

ROOT = Path(__file__).resolve().parents[1]
COMMANDS = [
    "serve",
    "worker",
    "status",
    "connect",
    "disconnect",
    "doctor",
    "report",
    "export",
    "backup",
    "restore",
    "simulate",
    "demo",
]


def run(*arguments, **settings):
    return subprocess.run(
        [sys.executable, "-m", "fishermask_backend.cli", *arguments],
        env=os.environ | {"PYTHONPATH": str(ROOT)} | settings,
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_lists_every_command():
    ended = fishermask("--help")
    assert ended.exit_code == 0
    listed = re.findall(r"^  (\w+)  +(\S.*)$", ended.stdout.partition("Commands:")[2], re.MULTILINE)
    assert [name for name, _ in listed] == COMMANDS == list(main.commands)
    assert not [text for _, text in listed if text.endswith("...")]  # cut off by click


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_of_a_command(command, option):
    ended = fishermask(command, option)
    assert ended.exit_code == 0
    assert ended.stdout.lower().startswith(f"usage: fishermask {command}")


def test_names_are_written_as_they_are():
    told = "".join(fishermask(*command, "--help").stdout for command in ([], *zip(COMMANDS)))
    text = re.sub(r"^usage:.*$", "", told, flags=re.IGNORECASE | re.MULTILINE)
    for name in ("Label Studio", "FisherMask", "JSON", "BACKEND_URL"):
        spellings = re.findall(rf"(?<![\w-]){name}(?![\w-])", text, re.IGNORECASE)
        assert set(spellings) == {name}


def test_version():
    assert fishermask("--version").stdout == f"{__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["serve", "--port"], ["status", "x"]])
def test_wrong_arguments(arguments):
    ended = fishermask(*arguments)
    assert ended.exit_code == 2
    assert "Usage: fishermask" in ended.stderr
    assert ended.stdout == ""


def test_the_demo_reads_its_own_options(tmp_path):
    ended = fishermask("demo", "--label-studio", tmp_path / "none", "--pace", "2")
    assert ended.exit_code == 1
    assert f"There is no Label Studio at {tmp_path / 'none'}" in ended.stderr


def test_status_of_nothing(store):
    ended = fishermask("status", "--json")
    assert (ended.exit_code, json.loads(ended.stdout)) == (0, [])
    assert fishermask("status").stdout == "No project is connected yet.\n"
    assert ended.stderr.startswith("fishermask: the worker: none has ever run with MODEL_DIR=")
    ended = fishermask("status", 7)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert ended.stderr == "fishermask: project 7 is not connected.\n"


def test_status_of_a_project(store, project):
    publish_round(store, project, [2, 1])
    assert fishermask("status", 7).stdout.startswith("Project 7: Animals\n")
    ended = fishermask("status", 7, "--json")
    assert ended.exit_code == 0
    assert json.loads(ended.stdout)["queue"]["task_ids"] == [2, 1]


@pytest.mark.parametrize(
    "command", [["status"], ["doctor"], ["--help"], ["demo", "--help"]], ids=" ".join
)
def test_a_reader_that_has_seen_enough_ends_it_quietly(settings, command):
    with subprocess.Popen(
        [sys.executable, "-m", "fishermask_backend.cli", *command],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as program:
        program.stdout.close()
        assert program.stderr.read() == b""


def test_connecting_needs_an_address(settings):
    ended = fishermask("connect", "--project", 7)
    assert ended.exit_code == 2
    assert ended.stderr == "fishermask: name the backend's address: --url or BACKEND_URL.\n"


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
