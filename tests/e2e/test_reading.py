"""Reading Label Studio: what passes find, and when they are not needed."""

from typing import Any

import pytest

from fishermask_backend.store import pool, projects
from fishermask_backend.studio import Page, Studio
from fishermask_backend.worker import sync
from tests.e2e.machine import Machine
from tests.e2e.people import Person, result
from tests.e2e.projects import MakeProject, Project


def labelled(machine: Machine, project: Project) -> int:
    with machine.store.read() as session:
        return pool.counts(session, machine.row(project).id).labelled


@pytest.fixture
def project(machine: Machine, make_project: MakeProject) -> Project:
    """A project of twenty digits with its first queue."""
    made = make_project(20)
    machine.connect(made)
    return made


def test_a_label_withdrawn_while_nobody_looked_is_found_by_a_pass(
    machine: Machine, project: Project, owner: Person, monkeypatch: pytest.MonkeyPatch
):
    task = owner.open_next(project.id)
    annotation = owner.submit(task, project.truth[task["id"]])
    machine.work(lambda: labelled(machine, project) == 1)

    owner.delete(annotation)
    monkeypatch.setattr(sync, "OVERLAP_SECONDS", -1.0)  # the change itself is past
    machine.look_at_everything(project)
    assert labelled(machine, project) == 0


def test_where_it_is_quiet_nothing_is_read_again(
    machine: Machine, project: Project, owner: Person, monkeypatch: pytest.MonkeyPatch
):
    machine.rest()
    read: list[int] = []
    changed_tasks = Studio.changed_tasks

    def counted(studio: Studio, studio_id: int, *more: Any) -> Page:
        page = changed_tasks(studio, studio_id, *more)
        read.append(len(page.tasks))
        return page

    def look() -> int:
        with machine.store.begin() as session:
            projects.get(session, machine.row(project).id).due_at = 0.0
        machine.rest()
        return read[-1]

    monkeypatch.setattr(Studio, "changed_tasks", counted)
    assert look() == 20  # one of them may have been committed late
    with machine.store.begin() as session:
        row = projects.get(session, machine.row(project).id)
        row.last_event_at -= 200
        row.pass_finished_at -= 200
    assert look() == 0
    owner.submit(owner.open_next(project.id), "one")  # its event may be lost
    machine.work(lambda: labelled(machine, project) == 1)


def test_a_large_import_is_read_once_and_labels_in_it_at_once(
    machine: Machine, make_project: MakeProject, owner: Person
):
    project = make_project(0)
    tasks = project.add(*(f"http://127.0.0.1:9/{i}.png" for i in range(620)))
    project.connect(machine.url)
    machine.work(lambda: machine.row(project).pass_finished_at > 0)
    machine.rest()
    passes = machine.row(project).pass_number
    body = {"result": result("one")}
    owner.call("POST", f"/api/tasks/{tasks[7]}/annotations", json=body)
    with machine.store.begin() as session:
        projects.count_event(session, machine.row(project).id, label=True)
    machine.work(lambda: labelled(machine, project) == 1)
    machine.rest()
    assert machine.row(project).pass_number == passes
