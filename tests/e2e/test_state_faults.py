"""A full disk, a locked database, a revoked token, a clock that jumps: the two processes as a user
starts them."""

import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fishermask_backend.demo.server import LabelStudioServer
from tests.conftest import Told, fill, mounted
from tests.e2e.backends import ROOT, Backend, wait_for
from tests.e2e.people import Person, sign_up
from tests.e2e.projects import Project, as_json, digits, label_config

pytestmark = pytest.mark.fault

CLOCK = """
import time

real = time.time

def shifted():
    with open({off!r}) as file:
        return real() + int(file.read())

time.time = shifted
"""


class Clock:
    """The wall clock of Python processes started with these settings; monotonic time goes on.

    Args:
        folder: For what Python imports as it starts, and for how many seconds the clock is off.
    """

    def __init__(self, folder: Path) -> None:
        self.off = folder / "off"
        self.put(0)
        (folder / "sitecustomize.py").write_text(CLOCK.format(off=str(self.off)))
        self.settings = {"PYTHONPATH": f"{folder}{os.pathsep}{ROOT}"}

    def put(self, seconds: int) -> None:
        written = self.off.with_suffix(".new")
        written.write_text(str(seconds))
        written.replace(self.off)


@pytest.fixture
def someone(owner: Person) -> Person:
    """A user whose token may be revoked."""
    return sign_up(owner)


def served(backend: Backend, person: Person) -> Project:
    """A project with a round made of three labels."""
    project = Project(person, "state", label_config())
    project.upload(digits()[:60])
    project.connect(backend.url)
    queue = backend.queue(project)
    project.label(3)
    project.start_training()
    backend.queue(project, after=queue["version"])
    return project


def check_serving(backend: Backend, project: Project, version: str) -> None:
    """People are served by the earlier round's order, and the web server answers from it."""
    assert project["model_version"] == version
    shown = [row["task"] for row in project.predictions(version)]
    assert project.owner.open_next(project.id)["id"] in shown
    tasks = [{"id": i, "project": project.id, "data": {}} for i in shown]
    answer = backend.client.post("/predict", json={"tasks": tasks})
    scores = [each["score"] for each in answer.raise_for_status().json()["results"]]
    assert scores == sorted(scores)


def recovers(backend: Backend, project: Project, version: str) -> None:
    """Another order comes that knows every label, without anybody's help."""
    backend.queue(project, after=version, seconds=120)
    wait_for(lambda: backend.trained(project) == as_json(project.answers()))
    backend.until(project, lambda status: not status["error"], "without an error")


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with mounted(tmp_path / "disk", 64) as folder:
        yield folder


@pytest.mark.soak
@pytest.mark.parametrize("what", ["database", "weights", "cache"])
def test_disk_is_full(
    what: str,
    label_studio: LabelStudioServer,
    owner: Person,
    disk: Path,
    tmp_path: Path,
    told: Told,
):
    database = (disk if what == "database" else tmp_path) / "fishermask.db"
    settings = {"MODEL_DIR": str(disk), "DATABASE_URL": f"sqlite:///{database}"}
    settings["QUIET_SECONDS"] = "5"
    backend = Backend(label_studio, tmp_path, **settings).start()
    try:
        project = served(backend, owner)
        version = project["model_version"]
        filler = fill(disk)
        if what == "cache":
            project.upload(digits()[60:130])
        project.label(5)
        if what == "database":
            said = backend.worker.log_file.read_text
            wait_for(lambda: "disk" in said() and "Next try in" in said())
            seen = next(line for line in said().splitlines() if "Next try in" in line)
        else:
            failed = backend.until(project, lambda status: status["error"], "told")
            seen = failed["error"]
            assert f"MODEL_DIR={disk} cannot be written (No space left on device)" in seen
        assert "Free" in seen
        check_serving(backend, project, version)
        filler.unlink()
        since = time.monotonic()
        recovers(backend, project, version)
        told(f"the disk of the {what} is full", seen, since)
        project.delete()
    finally:
        backend.stop()


@pytest.mark.soak
def test_database_is_locked_for_20_seconds(
    start_backend: Callable[..., Backend], owner: Person, told: Told
):
    backend = start_backend(QUIET_SECONDS="5")
    project = served(backend, owner)
    version = project["model_version"]
    another = sqlite3.connect(backend.state / "fishermask.db")
    another.execute("BEGIN IMMEDIATE")
    began = time.monotonic()
    project.label(5)  # the events find no way into the database
    check_serving(backend, project, version)
    while time.monotonic() < began + 20:
        time.sleep(0.5)
    another.close()
    since = time.monotonic()
    recovers(backend, project, version)
    lines = backend.worker.log_file.read_text().splitlines()
    seen = next(line for line in lines if "Another program holds it" in line)
    assert "Traceback" not in backend.worker.log_file.read_text()
    assert "Traceback" not in backend.web.log_file.read_text()
    told("the database is locked for 20 s", seen, since)
    project.delete()


@pytest.mark.parametrize("jump", [-86400, 86400], ids=["put back", "put forward"])
def test_clock_is_put(
    jump: int, start_backend: Callable[..., Backend], owner: Person, tmp_path: Path, told: Told
):
    clock = Clock(tmp_path)
    backend = start_backend(QUIET_SECONDS="2", **clock.settings)
    project = served(backend, owner)
    version = project["model_version"]
    clock.put(jump)
    check_serving(backend, project, version)
    since = time.monotonic()
    project.label(5)
    recovers(backend, project, version)
    made = backend.rounds(project)[-1]["started"] - time.time()
    assert abs(made - jump) < 600  # it did jump
    for process in (backend.web, backend.worker):
        assert "Traceback" not in process.log_file.read_text()
    told(f"the clock is put {'back' if jump < 0 else 'forward'} by a day", "nothing", since)
    project.delete()


def revoke(person: Person) -> str:
    """Reset the person's token on their account page; the new one."""
    token = str(person.call("POST", "/api/current-user/reset-token")["token"])
    person.client.headers["Authorization"] = f"Token {token}"
    return token


@pytest.mark.soak
def test_token_is_revoked_and_replaced_in_the_settings(
    start_backend: Callable[..., Backend], someone: Person, told: Told
):
    token = someone.client.headers["Authorization"].removeprefix("Token ")
    backend = start_backend(LABEL_STUDIO_API_KEY=token)
    project = served(backend, someone)
    version = project["model_version"]
    new = revoke(someone)
    project.label(5)
    failed = backend.until(project, lambda status: status["error"], "told")
    assert "LABEL_STUDIO_API_KEY" in failed["error"]
    check_serving(backend, project, version)
    since = time.monotonic()
    for process in (backend.worker, backend.web):
        process.stop()
        process.env["LABEL_STUDIO_API_KEY"] = new
    backend.start()
    recovers(backend, project, version)
    told("the token in LABEL_STUDIO_API_KEY is revoked", failed["error"], since)
    project.delete()


@pytest.mark.soak
def test_token_from_setup_is_revoked_and_replaced_by_label_studio(
    start_backend: Callable[..., Backend], someone: Person, owner: Person, told: Told
):
    backend = start_backend(LABEL_STUDIO_API_KEY="")
    project, other = served(backend, someone), served(backend, owner)
    version, others = project["model_version"], other["model_version"]
    revoke(someone)
    project.label(5)
    failed = backend.until(project, lambda status: status["error"], "told")
    check_serving(backend, project, version)
    other.label(5)
    recovers(backend, other, others)  # it has a token of its own
    assert backend.status(project)["error"] == failed["error"]
    since = time.monotonic()
    project.backends()  # looking at the Model page calls /setup, with the new token
    recovers(backend, project, version)
    told("the token that /setup brought is revoked", failed["error"], since)
    project.delete()
    other.delete()
