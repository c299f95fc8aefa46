"""Two web servers and two workers on one PostgreSQL."""

import os
import signal
from collections.abc import Callable

from tests.e2e.backends import Backend, wait_for
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, as_json

ROUND = "a round begins: 5 labels are new"


def rounds_begun(backend: Backend) -> int:
    return backend.worker.log_file.read_text().count(ROUND)


def test_workers_share_projects_and_survive_each_other(
    start_backend: Callable[..., Backend],
    postgresql: str,
    make_project: MakeProject,
    owner: Person,
):
    first = start_backend(DATABASE_URL=postgresql)
    second = start_backend(DATABASE_URL=postgresql, MODEL_DIR=str(first.state))
    projects = [make_project(30), make_project(30)]
    for project, backend in zip(projects, (first, second), strict=True):
        project.connect(backend.url)  # each by another web server
    for project in projects:
        queue = second.queue(project)
        assert first.queue(project) == queue
        project.label(5, owner)
    for project in projects:
        first.queue(project, after="fishermask-1")
    begun = [rounds_begun(first), rounds_begun(second)]
    assert sum(begun) == 2  # each by one worker

    project = projects[0]
    project.label(5, owner)
    wait_for(lambda: [rounds_begun(first), rounds_begun(second)] != begun)
    busy, other = (first, second) if rounds_begun(first) > begun[0] else (second, first)
    assert busy.worker.pid
    os.killpg(busy.worker.pid, signal.SIGKILL)
    busy.worker.stop()
    last = other.queue(project, after="fishermask-2", seconds=90)
    assert [p["task"] for p in project.predictions(last["version"])] == last["task_ids"]
    assert other.trained(project) == as_json(project.answers())
    assert [r["labels"] for r in other.rounds(project)] == [0, 5, 10]
