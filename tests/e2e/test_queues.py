"""Queues while people label: topped up in time, kept while they are shown, removed when old."""

from collections.abc import Iterator
from typing import Any

import pytest

from fishermask_backend.learning import lesson
from fishermask_backend.store.schema import Queue
from fishermask_backend.worker import embedding
from tests.e2e.backends import wait_for
from tests.e2e.machine import Machine, check_order, once
from tests.e2e.people import Person
from tests.e2e.projects import Project, digits, label_config


@pytest.fixture(scope="module")
def project(machine: Machine, owner: Person) -> Iterator[Project]:
    """A project with two labels and a trained round."""
    made = Project(owner, "queues", label_config())
    made.upload(digits()[:60])
    machine.connect(made)
    for name in ("zero", "one"):
        owner.submit(owner.open_next(made.id), name)
    machine.train(made)
    yield made
    made.delete()


@pytest.mark.parametrize(
    ("place", "name", "untrained"),
    [(embedding, "embed", 0), (lesson, "fit_heads", 6)],
    ids=["images", "round"],
)
def test_queue_is_topped_up_while_a_step_computes(
    place: Any,
    name: str,
    untrained: int,
    machine: Machine,
    project: Project,
    owner: Person,
    monkeypatch: pytest.MonkeyPatch,
):
    machine.rest()
    before = machine.queue(project)
    number = machine.rounds(project)[-1].number
    met: list[str] = []

    def label_meanwhile(real: Any, *args: Any, **more: Any) -> Any:
        for _ in range(6):  # of ten: fewer than a batch are left
            task = owner.open_next(project.id)
            owner.submit(task, project.truth[task["id"]])
        wait_for(lambda: machine.queue(project).version != before.version)
        met.append(machine.queue(project).version)
        check_order(project, met[0])
        return real(*args, **more)

    project.start_training()
    once(monkeypatch, place, name, label_meanwhile)
    machine.work(lambda: len(machine.rounds(project)) > number and not machine.worker.work_once())
    assert met[0].startswith(f"fishermask-{number}.")
    check_order(project, f"fishermask-{number + 1}")
    assert machine.rounds(project)[-1].label_count + untrained == len(project.answers())


def test_late_request_that_sets_an_older_queue_is_undone(machine: Machine, project: Project):
    machine.train(project)
    version = machine.queue(project).version
    project.change(model_version="fishermask-1")
    machine.look_at_everything(project)
    check_order(project, version)


def test_old_queues_are_removed_and_younger_ones_kept(
    machine: Machine, project: Project, owner: Person
):
    old = machine.queue(project)
    machine.train(project)
    young = machine.queue(project)
    machine.train(project)
    with machine.store.begin() as session:
        session.get_one(Queue, old.id).superseded_at -= 15 * 86400
    machine.look_at_everything(project)
    assert project.predictions(old.version) == []
    assert len(project.predictions(young.version)) == 10
    check_order(project, machine.queue(project).version)


def test_an_old_queue_that_a_paused_project_shows_is_kept(
    machine: Machine, project: Project, owner: Person
):
    shown = machine.queue(project)
    project.change(sampling="Sequential sampling")
    for _ in range(5):
        task = owner.open_next(project.id)
        owner.submit(task, project.truth[task["id"]])
    machine.work(lambda: machine.queue(project).version != shown.version)
    assert machine.row(project).order_note
    with machine.store.begin() as session:
        session.get_one(Queue, shown.id).superseded_at -= 15 * 86400
    machine.look_at_everything(project)
    assert project["model_version"] == shown.version
    assert len(project.predictions(shown.version)) == 10
    machine.train(project)
    check_order(project, machine.queue(project).version)
