"""Rounds whose Fisher computation is shared out among processes, one of which is killed."""

import os
import signal
from collections.abc import Callable

from tests.e2e.backends import Backend, wait_for
from tests.e2e.people import Person
from tests.e2e.projects import Project
from tests.fisher_problem import ranks


def test_a_process_killed_in_a_round_and_the_round_repeated(
    start_backend: Callable[..., Backend], project: Project, owner: Person
):
    backend = start_backend(FISHER_PROCESSES="2", DEVICE="cpu")
    project.connect(backend.url)
    first = backend.queue(project)
    for _ in range(5):
        task = owner.open_next(project.id)
        owner.submit(task, project.truth[task["id"]])
    wait_for(lambda: len(ranks(backend.state)) == 2)
    os.kill(ranks(backend.state)[1], signal.SIGKILL)
    told = backend.until(project, lambda status: status["error"], "told")
    assert "FISHER_PROCESSES" in told["error"]
    assert told["queue"]["version"] == first["version"]  # which goes on serving

    second = backend.queue(project, after=first["version"], seconds=120)
    assert owner.open_next(project.id)["id"] == second["task_ids"][0]
    assert [r["labels"] for r in backend.rounds(project)] == [0, 5]
    assert not ranks(backend.state)
    assert not list(backend.state.glob("fisher-job-*"))
