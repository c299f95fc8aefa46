import re
import signal
import socket
from pathlib import Path

import pytest
from PIL import Image

from fishermask_backend.demo import DemoError, main
from fishermask_backend.demo.folder import LOOPBACK
from fishermask_backend.demo.run import arguments, check


@pytest.fixture(autouse=True)
def signals_as_before():
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "label-studio"
    path.write_text("#!/bin/sh\necho 'no database' && exit 3\n")
    path.chmod(0o755)
    return path


def test_a_missing_label_studio_is_said_before_anything_is_made(tmp_path: Path, capsys):
    folder = tmp_path / "demo"
    code = main(["--label-studio", str(tmp_path / "nowhere"), "--folder", str(folder)])
    assert code == 1
    assert "There is no Label Studio at" in capsys.readouterr().err
    assert not folder.exists()


def test_a_taken_port_is_said_before_anything_is_made(tmp_path: Path, program: Path, capsys):
    folder = tmp_path / "demo"
    with socket.socket() as server:
        server.bind((LOOPBACK, 0))
        server.listen()
        port = server.getsockname()[1]
        options = ["--port", str(port), "--folder", str(folder), "--label-studio", str(program)]
        assert main(options) == 1
    assert f"Port {port} is taken by another program" in capsys.readouterr().err
    assert not folder.exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--data", "nowhere"], "There is no folder nowhere (from DATA)"),
        (["--tasks", "0"], "TASKS and SIMULATE are numbers of images"),
        (["--simulate", "0"], "TASKS and SIMULATE are numbers of images"),
        (["--pace", "-1"], "PACE=-1.0 can't be"),
    ],
)
def test_what_makes_no_sense_is_refused(program: Path, options: list[str], sentence: str):
    with pytest.raises(DemoError, match=re.escape(sentence)):
        check(arguments(["--label-studio", str(program), *options]))


def test_a_label_studio_that_dies_is_told_with_its_log_and_frees_the_folder(
    tmp_path: Path, program: Path, capsys
):
    for label in ("cat", "dog"):
        (tmp_path / "data" / label).mkdir(parents=True)
        Image.new("L", (5, 5)).save(tmp_path / "data" / label / "a.png")
    options = ["--data", str(tmp_path / "data"), "--folder", str(tmp_path / "demo")]
    for _ in range(2):
        assert main([*options, "--label-studio", str(program)]) == 1
        said = capsys.readouterr()
        assert "Label Studio ended by itself (exit code 3)" in said.err
        assert "no database" in said.err
        assert "Starting Label Studio (a minute the first time): not finished" in said.out
