import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.folder import (
    LOOPBACK,
    DemoFolder,
    free_port,
    port_is_free,
    remove,
)
from fishermask_backend.demo.processes import ChildProcess


@pytest.fixture
def taken_port():
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_port_someone_listens_on_is_not_free(taken_port: int):
    assert not port_is_free(taken_port)
    assert port_is_free(free_port())


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_number_that_is_no_port_is_not_free(port: int):
    assert not port_is_free(port)


def test_ports_are_remembered_and_given_up_when_taken(tmp_path: Path, taken_port: int):
    usual = free_port()
    with closing(DemoFolder(tmp_path)) as folder:
        assert folder.port("web", usual) == usual
        folder.save()
    with closing(DemoFolder(tmp_path)) as folder:
        assert folder.port("web", free_port()) == usual
        folder.remembered.ports["web"] = taken_port
        assert folder.port("web", usual) == usual
        assert folder.port("other", taken_port) not in {taken_port, usual}


def test_secrets_and_projects_are_kept_and_nobody_else_may_read_them(tmp_path: Path):
    path = tmp_path / "demo"
    with closing(DemoFolder(path)) as folder:
        folder.remembered.projects["digits"] = 7
        folder.save()
        before = folder.remembered
    with closing(DemoFolder(path)) as folder:
        assert folder.remembered == before
        assert folder.remembered.projects == {"digits": 7}
    assert path.stat().st_mode & 0o077 == 0
    with closing(DemoFolder(tmp_path / "another")) as folder:
        assert folder.remembered.password != before.password
        assert folder.remembered.token != before.token


def test_a_second_demo_is_told_where_the_first_runs(tmp_path: Path):
    with closing(DemoFolder(tmp_path)) as folder:
        folder.note_running("http://127.0.0.1:8080, process ids 12 13")
        with pytest.raises(DemoError, match=r"http://127.0.0.1:8080, process ids 12 13\. Stop it"):
            DemoFolder(tmp_path)
    DemoFolder(tmp_path).close()


def test_the_folder_stays_held_while_a_child_of_a_killed_demo_lives(tmp_path: Path):
    folder = DemoFolder(tmp_path)
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with ChildProcess("sleeper", sleep, tmp_path / "log", inherit=[folder.lock]):
        folder.lock_file.close()  # what a kill does
        with pytest.raises(DemoError, match="A demo runs in"):
            DemoFolder(tmp_path)
    DemoFolder(tmp_path).close()


def test_a_folder_in_use_is_not_removed(tmp_path: Path):
    path = tmp_path / "demo"
    with closing(DemoFolder(path)), pytest.raises(DemoError, match="A demo runs in"):
        remove(path)
    assert path.exists()
    remove(path)
    assert not path.exists()
    remove(path)


def test_the_command_that_make_demo_clean_runs(tmp_path: Path):
    path = tmp_path / "demo"
    DemoFolder(path).close()
    command = [sys.executable, "-m", "fishermask_backend.demo.folder", "--remove", "--folder", path]
    assert subprocess.run(command, check=False).returncode == 0
    assert not path.exists()
