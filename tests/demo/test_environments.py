import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from fishermask_backend.demo import DemoError, environments
from fishermask_backend.demo.environments import ROOT, Environment, check_disk, pip_state

PIP = """Collecting anyio==4.16.0 (from -r requirements.txt (line 2))
  Downloading anyio-4.16.0-py3-none-any.whl.metadata (4.7 kB)
Requirement already satisfied: attrs==26.1.0 in ./lib (from -r requirements.txt (line 3))
Collecting torch==2.14.1 (from -r requirements.txt (line 4))
  Downloading torch-2.14.1-cp311-cp311-manylinux_2_28_x86_64.whl (888.1 MB)
"""


@pytest.fixture
def empty(tmp_path: Path) -> Environment:
    """An environment with nothing to install, so that making it fetches nothing."""
    requirements = tmp_path / "requirements.txt"
    requirements.write_text("# nothing\n")
    return Environment("a test", tmp_path / "env", requirements, 0.1, with_package=False)


@pytest.fixture(autouse=True)
def in_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, empty: Environment):
    monkeypatch.setattr(environments, "DEMO", tmp_path / "demo")
    monkeypatch.setitem(environments.ENVIRONMENTS, "empty", empty)


def test_an_environment_is_made_once_and_again_when_its_file_changes(empty: Environment, capsys):
    environments.make(["empty"])
    assert empty.python.exists()
    assert empty.ready()
    capsys.readouterr()
    environments.make(["empty"])
    assert capsys.readouterr().out == ""
    empty.requirements.write_text("# still nothing\n")
    assert not empty.ready()
    environments.make(["empty"])
    assert "Installing a test" in capsys.readouterr().out
    assert empty.ready()


def test_a_failed_installation_shows_pips_words_and_goes_on_later(empty: Environment):
    empty.requirements.write_text("./no-such-folder\n")
    with pytest.raises(DemoError, match=r"Installing a test failed[^$]*no-such-folder"):
        environments.make(["empty"])
    assert not empty.ready()
    marker = empty.folder / "kept"
    marker.touch()
    empty.requirements.write_text("# nothing\n")
    environments.make(["empty"])
    assert marker.exists()


def test_a_moved_folder_is_made_anew(empty: Environment):
    empty.python.parent.mkdir(parents=True)
    empty.python.touch()
    stamp = empty.wanted() | {"folder": str(empty.folder)}
    empty.stamp_file.write_text(json.dumps(stamp))
    assert empty.ready()
    empty.stamp_file.write_text(json.dumps(stamp | {"folder": "/elsewhere"}))
    assert not empty.ready()
    assert empty.stamp() == {}


def test_too_little_disk_names_what_is_needed_and_what_is_there(tmp_path: Path):
    check_disk(0.0, tmp_path)
    with pytest.raises(
        DemoError, match=r"need about 1000000\.0 GB and the disk of .* has [\d.]+ GB"
    ):
        check_disk(1e6, tmp_path)


def test_pip_is_followed_by_package():
    assert pip_state("", 40, 0) == "starting pip"
    assert pip_state(PIP, 40, 1) == "package 3 of 40, torch (888.1 MB)"
    assert pip_state(PIP + "Installing collected packages: a, b\n", 40, 12) == "unpacked 12 of 40"


def test_a_python_without_venv_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path):
    bare = tmp_path / "python3"
    bare.write_text("#!/bin/sh\nexit 1\n")
    bare.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(bare))
    with pytest.raises(DemoError, match=r"has no venv module.*apt install python3\.\d+-venv"):
        environments.check_venv()


def test_environments_are_made_by_a_python_with_nothing_installed():
    command = [sys.executable, "-S", "-I", "-c", f"import sys; sys.path.insert(0, {str(ROOT)!r}); "]
    command[-1] += "import fishermask_backend.demo.environments, fishermask_backend.demo.folder"
    assert subprocess.run(command, check=False).returncode == 0


def make(*words: str) -> subprocess.CompletedProcess[str]:
    own = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    return subprocess.run(
        ["make", *words], cwd=ROOT, env=own, capture_output=True, text=True, check=False
    )


def test_make_alone_lists_every_target_with_a_line():
    listed = make().stdout
    for target in ("demo", "demo-clean", "test", "lint", "requirements"):
        assert f"make {target} " in listed


def test_a_missing_python_is_told_what_to_do():
    assert "There is no nopython. Install Python 3.11" in make("demo", "PYTHON=nopython").stderr


def test_an_old_python_is_told_what_to_do(tmp_path: Path):
    old = tmp_path / "python3.9"
    old.write_text('#!/bin/sh\n[ "$1" = --version ] && echo Python 3.9.2 || exit 1\n')
    old.chmod(0o755)
    assert (
        "Python 3.9.2 is too old: the backend needs Python 3.11"
        in make("demo", f"PYTHON={old}").stderr
    )
