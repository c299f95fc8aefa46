"""Locks that the system opens however their holder ends."""

import signal
import subprocess
import sys
import threading

import pytest

from fishermask_backend.machine.locks import locked
from tests.own_process import environment

HOLDER = """
import sys, time
from pathlib import Path
from fishermask_backend.machine.locks import locked

with locked(Path(sys.argv[1]), wait=False):
    print("holding", flush=True)
    time.sleep(60)
"""


@pytest.fixture(params=["file", "folder"])
def path(request, tmp_path):
    place = tmp_path / request.param
    place.touch() if request.param == "file" else place.mkdir()
    return place


def test_one_holds_it_at_a_time(path):
    with locked(path, wait=False) as held:
        assert held == path
        with pytest.raises(BlockingIOError), locked(path, wait=False):
            pass
    with locked(path, wait=False):
        pass


def test_an_error_in_the_block_lets_go(path):
    with pytest.raises(ZeroDivisionError), locked(path, wait=False):
        raise ZeroDivisionError
    with locked(path, wait=False):
        pass


def test_who_waits_gets_it_next(path):
    got = threading.Event()

    def wait():
        with locked(path, wait=True):
            got.set()

    with locked(path, wait=False):
        waiting = threading.Thread(target=wait)
        waiting.start()
        assert not got.wait(0.1)
    assert got.wait(10)
    waiting.join()


def test_a_killed_process_holds_nothing(path):
    command = [sys.executable, "-c", HOLDER, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as holder:
        assert holder.stdout.readline() == "holding\n"
        with pytest.raises(BlockingIOError), locked(path, wait=False):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        with locked(path, wait=True):
            pass


def test_what_is_not_there_cannot_be_locked(tmp_path):
    with pytest.raises(FileNotFoundError), locked(tmp_path / "none", wait=True):
        pass
