import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.processes import ChildProcess, log_tail

PARENT_OF_ONE = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("ready", flush=True)
time.sleep(600)
"""
DEMO = """
import sys, time
from pathlib import Path
from fishermask_backend.demo.processes import ChildProcess, stop_on_signals

stop_on_signals()
log = Path(sys.argv[1])
try:
    with ChildProcess("sleeper", [sys.executable, "-c", sys.argv[2]], log) as child:
        while not log.read_text().strip():
            time.sleep(0.02)
        print(child.pid, flush=True)
        if sys.argv[3] == "fail":
            raise ValueError("a bug")
        time.sleep(600)
except KeyboardInterrupt as signal:
    print("stopped by", signal)
"""


def python(script: str, log: Path) -> ChildProcess:
    return ChildProcess("the script", [sys.executable, "-c", script], log)


def wait_for_text(file: Path) -> str:
    deadline = time.monotonic() + 30
    while not file.read_text().strip():
        assert time.monotonic() < deadline, f"nothing in {file}"
        time.sleep(0.02)
    return file.read_text().strip()


def lives(pid: int) -> bool:
    """Whether a process runs; one that ended but was not reaped does not."""
    state = subprocess.run(
        ["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return bool(state) and not state.startswith("Z")


def test_what_a_child_started_ends_with_it(tmp_path: Path):
    log = tmp_path / "log"
    with python(PARENT_OF_ONE, log) as child:
        grandchild = int(wait_for_text(log))
        assert lives(grandchild)
    assert not child.alive()
    assert not lives(grandchild)


def test_a_grandchild_left_alone_is_ended_too(tmp_path: Path):
    log = tmp_path / "log"
    orphaning = PARENT_OF_ONE.replace("time.sleep(600)\n", "")
    with python(orphaning, log) as child:
        grandchild = int(wait_for_text(log))
        child.process.wait()
        assert lives(grandchild)
    assert not lives(grandchild)


def test_one_that_does_not_listen_is_ended_by_force(tmp_path: Path):
    log = tmp_path / "log"
    child = python(STUBBORN, log).start()
    wait_for_text(log)
    child.stop(seconds=0.2)
    assert child.exit_code() == -signal.SIGKILL


def test_stopping_what_never_started_or_has_ended_does_nothing(tmp_path: Path):
    child = python("pass", tmp_path / "log")
    child.stop()
    child.start().process.wait()
    child.stop()
    child.stop()


def test_an_early_end_is_told_with_the_end_of_the_log(tmp_path: Path):
    child = python("raise SystemExit('no room left')", tmp_path / "log").start()
    child.process.wait()
    with pytest.raises(
        DemoError, match=r"the script ended by itself \(exit code 1\)[^$]*no room left"
    ):
        child.check()


def test_a_missing_program_is_named(tmp_path: Path):
    child = ChildProcess("the script", [tmp_path / "nowhere"], tmp_path / "log")
    with pytest.raises(DemoError, match=r"the script cannot be started.*nowhere"):
        child.start()


def test_an_empty_log_is_called_so(tmp_path: Path):
    assert log_tail(tmp_path / "none") == "(the log is empty)"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_stops_the_children_even_if_it_comes_twice(tmp_path: Path, number: signal.Signals):
    demo = run_demo(tmp_path, STUBBORN.replace("SIG_IGN", "lambda *_: time.sleep(1) or exit()"), "")
    child = int(demo.stdout.readline())
    demo.send_signal(number)
    time.sleep(0.3)
    demo.send_signal(number)  # while the child takes its time
    assert demo.communicate(timeout=30)[0].strip() == f"stopped by {number.name}"
    assert demo.returncode == 0
    assert not lives(child)


def test_a_bug_stops_the_children(tmp_path: Path):
    demo = run_demo(tmp_path, PARENT_OF_ONE, "fail")
    child = int(demo.stdout.readline())
    assert demo.wait(timeout=30) == 1
    assert not lives(child)
    assert not lives(int((tmp_path / "log").read_text()))


def run_demo(folder: Path, script: str, what: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DEMO, str(folder / "log"), script, what],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
