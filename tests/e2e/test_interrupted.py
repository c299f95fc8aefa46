"""Interruptions: wherever a publishing or a process is cut off, the order stays whole."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fishermask_backend.learning import lesson
from fishermask_backend.store import queues, rounds
from fishermask_backend.studio import Studio
from tests.conftest import Told
from tests.e2e.machine import (
    Machine,
    PowerCut,
    check_order,
    cut_after,
    cut_before,
    once,
)
from tests.e2e.people import Person, result
from tests.e2e.projects import Project, digits, label_config


@pytest.fixture(scope="module")
def project(machine: Machine, owner: Person) -> Iterator[Project]:
    """A project with two labels and a first queue."""
    made = Project(owner, "interrupted", label_config())
    made.upload(digits()[:60])
    machine.connect(made)
    for name in ("zero", "one"):
        owner.submit(owner.open_next(made.id), name)
    yield made
    made.delete()


@pytest.mark.fault
@pytest.mark.parametrize(
    ("place", "name", "cut", "version"),
    [
        (rounds, "open_round", cut_after, "{}"),
        (rounds, "finish_round", cut_before, "{}"),
        (Studio, "existing_tasks", cut_before, "{}"),
        (Studio, "import_predictions", cut_before, "{}.2"),
        (Studio, "import_predictions", cut_after, "{}.2"),
        (Studio, "set_order", cut_before, "{}"),
        (Studio, "set_order", cut_after, "{}"),
        (queues, "activate", cut_before, "{}"),
    ],
    ids=lambda value: getattr(value, "__name__", value),
)
def test_publish_cut_off_and_repeated(
    place: Any,
    name: str,
    cut: Callable[..., Any],
    version: str,
    machine: Machine,
    project: Project,
    owner: Person,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
):
    before = machine.queue(project)
    number = len(machine.rounds(project)) + 1
    expected = version.format(f"fishermask-{number}")
    project.start_training()
    once(monkeypatch, place, name, cut)
    with pytest.raises(PowerCut):
        machine.work(lambda: False)
    reached = (Studio, "set_order", cut_after) == (place, name, cut) or name == "activate"
    check_order(project, expected if reached else before.version)  # annotators go on meanwhile

    machine.power_on_again()
    since = time.monotonic()
    machine.work(lambda: machine.queue(project).version != before.version)
    queue = machine.queue(project)
    assert queue.version == expected
    check_order(project, expected)
    assert machine.error(project) == ""
    when = "before" if cut is cut_before else "after"
    told(f"publishing is cut off {when} `{name}`", "nothing", since)
    assert [p["task"] for p in project.predictions(expected)] == queue.task_ids
    assert [r.number for r in machine.rounds(project)] == [*range(1, number + 1)]
    assert [b["model_version"] for b in project.backends()] == [expected]
    task = owner.open_next(project.id)
    assert task["id"] == queue.task_ids[0]
    owner.submit(task, project.truth[task["id"]])


def test_first_order_cut_off_is_set_by_the_next_step(
    machine: Machine, owner: Person, monkeypatch: pytest.MonkeyPatch
):
    fresh = Project(owner, "not ordered yet", label_config())
    fresh.upload(digits()[:20])
    fresh.connect(machine.url)
    once(monkeypatch, Studio, "set_order", cut_before)
    with pytest.raises(PowerCut):
        machine.work(lambda: False)
    machine.power_on_again()
    machine.work(lambda: machine.queue(fresh) is not None)
    check_order(fresh, machine.queue(fresh).version)
    assert machine.row(fresh).order_note == ""
    fresh.delete()


def test_import_that_arrives_late_changes_nothing(
    machine: Machine, project: Project, owner: Person, monkeypatch: pytest.MonkeyPatch
):
    before = machine.queue(project)
    late: list[Any] = []

    def lose(_real: Any, _self: Studio, _id: int, predictions: list[Any]) -> None:
        late.extend(reversed(predictions))
        raise PowerCut

    project.start_training()
    once(monkeypatch, Studio, "import_predictions", lose)
    with pytest.raises(PowerCut):
        machine.work(lambda: False)
    machine.power_on_again()
    machine.work(lambda: machine.queue(project).version != before.version)
    queue = machine.queue(project)
    owner.call("POST", f"/api/projects/{project.id}/import/predictions", json=late)
    check_order(project, queue.version)
    for expected in queue.task_ids[:2]:
        task = owner.open_next(project.id)
        assert task["id"] == expected
        owner.submit(task, project.truth[expected])


@pytest.mark.fault
@pytest.mark.parametrize(
    ("step", "version"),
    [("existing_tasks", "fishermask-{}"), ("import_predictions", "fishermask-{}.2")],
)
def test_queued_task_deleted_before_the_import(
    step: str,
    version: str,
    machine: Machine,
    project: Project,
    owner: Person,
    told: Told,
    monkeypatch: pytest.MonkeyPatch,
):
    before = machine.queue(project)
    deleted: list[int] = []

    def delete_first(real: Any, studio: Studio, studio_id: int, wanted: list[Any]) -> Any:
        first = wanted[0]["task"] if step == "import_predictions" else wanted[0]
        deleted.append(first)
        project.delete_tasks(first)
        return real(studio, studio_id, wanted)

    project.start_training()
    once(monkeypatch, Studio, step, delete_first)
    since = time.monotonic()
    machine.work(lambda: machine.queue(project).version != before.version)
    queue = machine.queue(project)
    assert queue.version == version.format(len(machine.rounds(project)))
    assert deleted
    assert deleted[0] not in queue.task_ids
    assert machine.error(project) == ""
    told(f"a task to be queued is deleted before `{step}`", "nothing", since)
    rows = project.predictions(queue.version)
    assert [row["task"] for row in rows] == queue.task_ids
    assert len(queue.task_ids) >= 9
    task = owner.open_next(project.id)
    assert task["id"] == queue.task_ids[0]
    owner.submit(task, project.truth[task["id"]])


def test_training_asked_for_during_a_round_makes_one_more(
    machine: Machine, project: Project, owner: Person, monkeypatch: pytest.MonkeyPatch
):
    done = machine.rounds(project)

    def label_and_ask(real: Any, *args: Any, **more: Any) -> Any:
        task = owner.open_next(project.id)
        owner.submit(task, project.truth[task["id"]])
        project.start_training()
        return real(*args, **more)

    project.start_training()
    once(monkeypatch, lesson, "fit_heads", label_and_ask)
    machine.work(lambda: len(machine.rounds(project)) == len(done) + 2)
    first, second = machine.rounds(project)[-2:]
    assert second.label_count == first.label_count + 1
    machine.rest()
    assert len(machine.rounds(project)) == len(done) + 2


def test_class_removed_while_a_round_is_computed(
    machine: Machine, project: Project, owner: Person, monkeypatch: pytest.MonkeyPatch
):
    before = machine.queue(project)
    for _ in range(8):  # most of the queue is guessed to be so, then
        owner.submit(owner.open_next(project.id), "two")
    refused: list[Any] = []

    def remove_first(real: Any, studio: Studio, studio_id: int, predictions: list[Any]) -> Any:
        for task in project.tasks().values():
            for annotation in task["annotations"]:
                if annotation["result"] == result("two"):
                    owner.delete(annotation)
        project.change(label_config=label_config(("zero", "one")))
        refused.extend(p for p in predictions if p["result"][0]["value"] == {"choices": ["two"]})
        return real(studio, studio_id, predictions)

    project.start_training()
    once(monkeypatch, Studio, "import_predictions", remove_first)
    machine.work(
        lambda: (
            machine.queue(project).version != before.version
            and machine.rounds(project)[-1].state == "active"
        )
    )
    assert refused
    assert machine.rounds(project)[-1].classes == ["zero", "one"]
    queue = machine.queue(project)
    check_order(project, queue.version)
    assert owner.open_next(project.id)["id"] == queue.task_ids[0]
