"""Both processes end as in a power cut, in the middle of a round, and are started again."""

from collections.abc import Callable

from tests.e2e.backends import Backend, Status, wait_for
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, as_json


def test_killed_in_a_round_and_started_again(
    start_backend: Callable[..., Backend], make_project: MakeProject, owner: Person
):
    backend = start_backend()
    project = make_project(40)
    project.connect(backend.url)
    backend.queue(project)
    for _ in range(5):
        task = owner.open_next(project.id)
        owner.submit(task, project.truth[task["id"]])
    wait_for(lambda: "5 labels are new" in backend.worker.log_file.read_text())
    backend.kill()
    for _ in range(2):  # nobody hears of these
        task = owner.open_next(project.id)
        assert task["predictions"][0]["model_version"] == "fishermask-1"
        owner.submit(task, project.truth[task["id"]])

    backend.start()
    first = {"", "fishermask-1", "fishermask-1.2"}  # topped up while the round computes

    def served(status: Status) -> bool:
        return (status.get("queue") or {"version": ""})["version"] not in first

    queue = backend.until(project, served, "served by another round")["queue"]
    assert backend.trained(project) == as_json(project.answers())
    assert [r["labels"] for r in backend.rounds(project)] == [0, 7]
    assert [p["task"] for p in project.predictions(queue["version"])] == queue["task_ids"]
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]
