"""A worker's sign of life, with real processes that are really killed."""

import os
import subprocess
import sys
import time

import pytest

from fishermask_backend.machine.lifeline import Lifeline, ended, health, remove_silent

WORKER = """
import sys, time
from pathlib import Path
from fishermask_backend.machine.lifeline import Lifeline

kept = Lifeline(Path(sys.argv[1]))
print(kept.name, flush=True)
time.sleep(60)
"""


@pytest.fixture
def other(tmp_path):
    """Another worker's process, and its name."""
    command = [sys.executable, "-c", WORKER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        yield process, process.stdout.readline().strip()
        process.kill()


def test_killed_worker_is_known_at_once(tmp_path, other):
    mine = Lifeline(tmp_path)
    process, name = other
    assert ended(tmp_path) == []
    process.kill()
    process.wait()
    assert ended(tmp_path) == [name]
    mine.forget([name])
    assert ended(tmp_path) == []


def test_every_worker_has_a_name_of_its_own(tmp_path):
    first, second = Lifeline(tmp_path), Lifeline(tmp_path)
    assert first.name != second.name
    assert ended(tmp_path) == []


def test_nothing_is_said_of_other_machines(tmp_path):
    assert ended(tmp_path) == []
    (tmp_path / "workers").mkdir()
    (tmp_path / "workers" / "12-0123abcd@elsewhere").touch()
    assert ended(tmp_path) == []


def test_files_of_machines_that_are_gone_go_after_a_day(tmp_path):
    mine = Lifeline(tmp_path)
    long_ago, lately = (tmp_path / "workers" / f"12-0123abcd@{host}" for host in ("old", "new"))
    for path, age in ((long_ago, 90_000), (lately, 60)):
        path.touch()
        os.utime(path, (time.time() - age,) * 2)
    remove_silent(tmp_path)
    kept = {path.name for path in (tmp_path / "workers").iterdir()}
    assert kept == {mine.name, lately.name}


def test_a_person_is_told_whether_a_worker_lives(tmp_path):
    never = health(tmp_path)
    assert not never.lives
    assert never.told.startswith(f"none has ever run with MODEL_DIR={tmp_path}: start")
    mine = Lifeline(tmp_path)
    assert health(tmp_path).lives
    assert health(tmp_path).told.startswith("lives, last seen ")
    os.utime(tmp_path / "workers" / mine.name, (time.time() - 63,) * 2)
    silent = health(tmp_path)
    assert not silent.lives
    assert silent.told.startswith("last seen 63 s ago: start it")
    other = Lifeline(tmp_path)  # the newest sign counts
    assert other.name != mine.name
    assert health(tmp_path).lives
