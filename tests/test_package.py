"""The wheel by itself: built from the source archive, installed outside of any checkout, at work."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tarfile
import time
import zipfile
from pathlib import Path

import httpx
import pytest

from fishermask_backend import __version__
from tests.conftest import CONFIG, FIRST
from tests.first_release import EXPECTED

ROOT = Path(__file__).resolve().parents[1]
SETTINGS = {
    "LABEL_STUDIO_URL": "http://localhost:8080",
    "BACKBONE": "small_cnn",
    "IMAGE_SIZE": "16",
    "PREDICT_WAIT": "0.3",
}


def run(*command, **more):
    ended = subprocess.run(command, capture_output=True, text=True, check=False, **more)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def in_repository(*paths):
    """The repository's files that exist: those of git, and new ones that it doesn't ignore."""
    listed = run("git", "ls-files", "-co", "--exclude-standard", "--", *paths, cwd=ROOT)
    return [name for name in listed.splitlines() if (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The folder with wheel and source archive, made from a copy of the repository's files."""
    source, dist = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in in_repository("fishermask_backend", "tests", "*.py", "*.toml", "*.in", "[A-Z]*"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, source, cwd=dist)
    return dist


@pytest.fixture(scope="module")
def installed(built, tmp_path_factory):
    """An environment with the wheel and, in place of a download, the packages of the tests'."""
    folder = tmp_path_factory.mktemp("environment")
    run(sys.executable, "-m", "venv", "--without-pip", folder)
    python = folder / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index"]
    run(*pip, "--disable-pip-version-check", wheel)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.fixture
def command(installed, tmp_path):
    """The installed program `fishermask`, its surroundings, and an empty folder to run it in."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    own = {name.upper() for name in SETTINGS} | {"PYTHONPATH", "MODEL_DIR", "DATABASE_URL"}
    env = {name: value for name, value in os.environ.items() if name not in own}
    env |= SETTINGS | {"MODEL_DIR": str(tmp_path / "state"), "PORT": str(port)}
    (tmp_path / "nowhere").mkdir()
    return [installed / "bin" / "fishermask"], {"env": env, "cwd": tmp_path / "nowhere"}


def test_wheel_has_all_files_of_the_package(built):
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    packed = {name for name in names if not name.partition("/")[0].endswith(".dist-info")}
    assert packed == set(in_repository("fishermask_backend"))
    assert wheel.name == f"fishermask_backend-{__version__}-py3-none-any.whl"


def test_source_archive_has_what_is_built_and_no_tests(built):
    (archive,) = built.glob("*.tar.gz")
    top = f"fishermask_backend-{__version__}/"
    with tarfile.open(archive) as tar:
        names = {name.removeprefix(top) for name in tar.getnames()}
    wanted = {"pyproject.toml", "README.md", "LICENSE", *in_repository("fishermask_backend")}
    assert wanted <= names
    assert not [name for name in names if name.startswith("tests")]


def test_version_is_the_package_s(command, installed):
    program, more = command
    assert run(*program, "--version", **more) == f"{__version__}\n"
    told = run(
        installed / "bin" / "python",
        "-c",
        "import fishermask_backend as f; from importlib.metadata import version;"
        "print(version('fishermask-backend'), f.__file__)",
        **more,
    ).split()
    assert told[0] == __version__
    assert Path(told[1]).is_relative_to(installed)


def test_every_module_and_file_of_weights_is_there(command, installed):
    script = (
        "import pkgutil, importlib, torch, fishermask_backend as package\n"
        "for module in pkgutil.walk_packages(package.__path__, package.__name__ + '.'):\n"
        "    if 'migrations' not in module.name and not module.name.endswith('__main__'):\n"
        "        importlib.import_module(module.name)\n"
        "from fishermask_backend.learning.backbones import load_backbone\n"
        "from fishermask_backend.demo.sources import digits_source\n"
        "load_backbone('efficientnet_lite0', train='head', image_size=64, weights='',\n"
        "              device=torch.device('cpu'))\n"
        "print(len(digits_source().labels))\n"
    )
    assert run(installed / "bin" / "python", "-c", script, **command[1]) == "1797\n"


def test_it_serves_what_the_first_release_left(command, tmp_path):
    program, more = command
    state = Path(more["env"]["MODEL_DIR"])
    shutil.copytree(FIRST / "projects", state / "projects")
    run(
        sys.executable,
        "-c",
        "import sqlite3, sys; sqlite3.connect(sys.argv[1]).executescript(open(sys.argv[2]).read())",
        state / "fishermask.db",
        FIRST / "fishermask.sql",
    )
    server = subprocess.Popen([*program, "serve"], stderr=subprocess.PIPE, text=True, **more)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{more['env']['PORT']}") as client:
            health = {"status": "UP", "model_class": "FisherMaskBackend"}
            assert answer_of(client, server).items() >= health.items()
            body = {"project": "8.1000", "schema": CONFIG}
            assert client.post("/setup", json=body).json() == {"model_version": "fishermask-0"}
            tasks = [{"id": i, "project": 7} for i in range(1, 20)]
            answers = client.post("/predict", json={"tasks": tasks, "project": "7.1000"}).json()
            assert answers["results"] == EXPECTED
            assert client.get("/").json()["version"] == __version__
            assert len(client.get("/projects").json()) == 2
    finally:
        server.terminate()
        server.wait(timeout=30)
        server.stderr.close()
    run(*program, "export", "--project", "7", "--output", tmp_path / "out", **more)
    assert {"predict.py", "classifier.safetensors"} <= {
        p.name for p in (tmp_path / "out").iterdir()
    }
    assert json.loads(run(*program, "status", "8", "--json", **more))["id"] == 8


def answer_of(client, server):
    """What /health answers as soon as it does."""
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if server.poll() is not None:
            raise AssertionError(server.stderr.read())
        try:
            return client.get("/health").json()
        except httpx.ConnectError:
            time.sleep(0.1)
    raise AssertionError("it does not answer")


def test_its_worker_starts_and_stops(command):
    program, more = command
    worker = subprocess.Popen([*program, "worker"], stderr=subprocess.PIPE, text=True, **more)
    try:
        assert any("worker " in line for line in worker.stderr)
        time.sleep(0.5)
        worker.send_signal(signal.SIGTERM)
        assert worker.wait(timeout=30) == 0
    finally:
        worker.kill()
        worker.stderr.close()
