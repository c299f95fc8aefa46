"""A project leaves, moves to another machine, and has its cache dropped for another one's."""

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from fishermask_backend.demo.server import LabelStudioServer
from tests.e2e.backends import ROOT, Backend, Status
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, Project, as_json, digits


def test_backup_of_a_running_backend_goes_on_elsewhere(
    start_backend: Callable[..., Backend],
    make_project: MakeProject,
    owner: Person,
    tmp_path: Path,
):
    backend = start_backend()
    project = make_project(40)
    project.connect(backend.url)
    backend.queue(project)
    project.label(5, owner)
    served = backend.queue(project, after="fishermask-1")
    project.label(5, owner)  # a round begins, and may end before the copy
    backend.run("backup", str(tmp_path / "state.tar"))
    backend.kill()
    project.label(5, owner)

    backend.state.rename(tmp_path / "the other machine")
    backend.state.mkdir()
    assert "start web server and worker" in backend.run("restore", str(tmp_path / "state.tar"))
    backend.start()
    backend.until(project, serves_15_labels, "what 15 labels taught served")
    assert backend.trained(project) == as_json(project.answers())
    queue = backend.queue(project, after=served["version"])
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]


@pytest.mark.timeout(600)
def test_label_studio_at_another_address_goes_on(
    start_backend: Callable[..., Backend],
    make_project: MakeProject,
    owner: Person,
    label_studio: LabelStudioServer,
):
    backend = start_backend()
    project = make_project(40)
    project.connect(backend.url)
    backend.queue(project)
    project.label(5, owner)
    backend.queue(project, after="fishermask-1")
    before = backend.status(project)
    backend.stop()
    for process in (backend.web, backend.worker):
        assert process.env is not None
        process.env["LABEL_STUDIO_URL"] = label_studio.url.replace("127.0.0.1", "localhost")
    backend.start()

    def known(status: Status) -> bool:
        return bool(status and status["rounds"] and status["embedded"] == 40)

    status = backend.until(project, known, "known again", seconds=150)
    assert [r["number"] for r in status["rounds"]] == [r["number"] for r in before["rounds"]]
    assert status["queue"] == before["queue"]
    assert len(backend.client.get("/projects").json()) == 1
    project.label(5, owner)
    backend.queue(project, after=before["queue"]["version"])
    assert backend.rounds(project)[-1]["labels"] == 10

    project.remove_backends()
    backend.until(project, lambda s: not s["connected"], "told of its removal", seconds=150)
    assert (project["sampling"], project["model_version"]) == ("Sequential sampling", "")


def test_an_older_backup_publishes_under_versions_of_its_own(
    start_backend: Callable[..., Backend],
    make_project: MakeProject,
    owner: Person,
    tmp_path: Path,
):
    backend = start_backend(BATCH_SIZE="10")
    project = make_project(60)
    project.connect(backend.url)
    backend.queue(project)
    project.label(1, owner)
    backend.until(project, lambda status: status["labelled"] == 1, "told of a label")
    backend.run("backup", str(tmp_path / "state.tar"))
    project.label(8, owner)  # too few for a round, and the queue runs low

    def filled_up(status: Status) -> bool:
        return bool(status["queue"]["version"] != "fishermask-1")

    backend.until(project, filled_up, "filled up")
    backend.kill()
    lost = project.versions()
    assert lost > {"fishermask-1"}

    backend.run("restore", "--force", str(tmp_path / "state.tar"))
    backend.start()

    def of_its_own(status: Status) -> bool:
        return bool(status["queue"] and status["queue"]["version"] not in lost)

    queue = backend.until(project, of_its_own, "an order of its own")["queue"]
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]


def serves_15_labels(status: Status) -> bool:
    """Say whether a round on 15 labels is the one that Label Studio serves."""
    latest = status["rounds"][-1]
    return bool(latest["labels"] == 15 and latest["state"] == "active")


def test_exported_classifier_is_run_without_the_backend(
    project: Project, backend: Backend, owner: Person, tmp_path: Path
):
    project.connect(backend.url)
    backend.queue(project)
    project.label(5, owner)
    backend.queue(project, after="fishermask-1")
    folder = tmp_path / "out"
    backend.run("export", "--project", str(project.id), "--output", str(folder))
    labels = json.loads((folder / "labels.json").read_text())
    assert {r["task_id"]: r["labels"] for r in labels} == project.answers()
    (tmp_path / "digit.png").write_bytes(digits()[0][1])
    ran = subprocess.run(
        [sys.executable, folder / "predict.py", tmp_path / "digit.png"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=tmp_path, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(ran.stdout)["probabilities"]
    assert list(found) == backend.rounds(project)[-1]["classes"]
    first = min(project.truth)  # the task of that image
    scores = json.loads((folder / "scores.json").read_text())["scores"]
    known = next(s["probabilities"] for s in scores if s["task_id"] == first)
    assert all(abs(found[name] - known[name]) < 1e-3 for name in found)


def test_rows_of_an_idle_project_go_and_come_back(
    start_backend: Callable[..., Backend], make_project: MakeProject, owner: Person
):
    backend = start_backend(CACHE_LIMIT="1")
    idle = make_project(40)
    idle.connect(backend.url)
    queue = backend.queue(idle)
    backend.stop()
    make_old(backend.state)
    backend.start()
    other = make_project(20)
    other.connect(backend.url)
    backend.queue(other)
    backend.until(idle, lambda s: s["embedded"] == 0, "dropped")
    assert "its rows go, CACHE_LIMIT=1" in backend.worker.log_file.read_text()
    assert backend.status(idle)["error"] == ""
    assert backend.status(other)["embedded"] == 20

    assert owner.open_next(idle.id)["id"] == queue["task_ids"][0]
    idle.label(5, owner)
    backend.queue(idle, after=queue["version"])
    assert (backend.rounds(idle)[-1]["labels"], backend.rounds(idle)[-1]["pool"]) == (5, 40)


def make_old(state: Path) -> None:
    """Let days pass since anybody labelled or anything was computed."""
    with closing(sqlite3.connect(state / "fishermask.db")) as database:
        database.execute("UPDATE projects SET last_event_at = 1, registered_at = 1")
        database.execute("UPDATE rounds SET started_at = 1")
        database.commit()
    for path in state.glob("projects/*/inputs-*.rows"):
        os.utime(path, (1, 1))
