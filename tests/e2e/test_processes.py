"""Rounds whose Fisher computation is shared out among processes, one of which is killed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

from tests.e2e.backends import Backend, wait_for
from tests.e2e.people import Person
from tests.e2e.projects import Project


def ranks(state: Path) -> list[int]:
    """The running processes of a round's computation, torchrun itself not among them."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            arguments = path.read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        job = any(str(state).encode() in argument for argument in arguments)
        if (
            job
            and b"fishermask_backend.fisher_job" in arguments
            and b"--standalone" not in arguments
        ):
            found.append(int(path.parent.name))
    return found


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
