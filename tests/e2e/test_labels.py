"""Labels: what is trained on is what Label Studio's annotations say now."""

import pytest

from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.images.decoding import Square
from fishermask_backend.settings import Settings
from fishermask_backend.simulation.project import from_project
from tests.e2e.backends import Backend
from tests.e2e.people import Person, result, sign_up
from tests.e2e.projects import MakeProject, Project, as_json, label_config


@pytest.fixture
def queued(project: Project, backend: Backend) -> Project:
    """A project whose first queue is there."""
    project.connect(backend.url)
    backend.queue(project)
    return project


def label(person: Person, project: Project, *answers: str) -> list[dict]:
    """Answer the tasks served, one class each; the annotations."""
    return [person.submit(person.open_next(project.id), name) for name in answers]


def test_changed_deleted_and_skipped_annotations(
    queued: Project, backend: Backend, owner: Person, label_studio: LabelStudioServer
):
    done = label(owner, queued, "zero", "one", "zero", "two", "one")
    backend.queue(queued, after="fishermask-1")
    assert backend.trained(queued) == as_json(queued.answers())

    owner.change(done[0], result=result("two"))
    owner.delete(done[1])
    owner.change(done[2], was_cancelled=True)
    owner.skip(owner.open_next(queued.id))
    # Three labels are others now; two more make five.
    label(owner, queued, "zero", "one")
    backend.queue(queued, after="fishermask-2")
    expected = queued.answers()
    assert len(expected) == 5
    assert expected[done[0]["task"]] == ["two"]
    assert backend.trained(queued) == as_json(expected)
    assert [r["labels"] for r in backend.rounds(queued)] == [0, 5, 5]

    # A simulation reads the same of Label Studio itself.
    settings = Settings(label_studio_url=label_studio.url, label_studio_api_key=label_studio.token)
    images = from_project(queued.id, settings)
    read = zip(images.names, images.labels, strict=True)
    assert {int(name.removeprefix("task ")): [images.classes[c]] for name, c in read} == expected
    assert all(images.pixels(i, Square(32)).shape == (3, 32, 32) for i in range(5))


def test_class_added_then_one_removed(queued: Project, backend: Backend, owner: Person):
    label(owner, queued, "zero", "one", "zero", "one", "zero")
    backend.queue(queued, after="fishermask-1")
    labels = backend.trained(queued)
    assert labels == as_json(queued.answers())

    queued.change(label_config=label_config(("three", "zero", "one", "two")))
    queue = backend.queue(queued, after="fishermask-2")
    assert backend.rounds(queued)[-1]["classes"] == ["three", "zero", "one", "two"]
    assert backend.trained(queued) == labels
    assert len(queued.predictions(queue["version"])) == 10

    queued.change(label_config=label_config(("zero", "one")))
    queue = backend.queue(queued, after="fishermask-3")
    assert backend.rounds(queued)[-1]["classes"] == ["zero", "one"]
    assert backend.trained(queued) == labels
    assert len(queued.predictions(queue["version"])) == 10
    assert owner.open_next(queued.id)["id"] == queue["task_ids"][0]


def test_class_removed_with_its_labels(queued: Project, backend: Backend, owner: Person):
    done = label(owner, queued, "zero", "two", "zero", "one", "zero")
    backend.queue(queued, after="fishermask-1")
    owner.delete(done[1])  # Label Studio keeps a class that annotations still name
    queued.change(label_config=label_config(("zero", "one")))
    backend.queue(queued, after="fishermask-2")
    assert backend.rounds(queued)[-1]["labels"] == 4
    assert backend.trained(queued) == as_json(queued.answers())


def test_several_choices(make_project: MakeProject, backend: Backend, owner: Person):
    project = make_project(30, label_config(("round", "closed", "straight"), choice="multiple"))
    project.connect(backend.url)
    backend.queue(project)
    for chosen in (["round", "closed"], [], ["straight"], ["closed"], []):
        owner.submit(owner.open_next(project.id), *chosen)
    queue = backend.queue(project, after="fishermask-1")
    assert sorted(map(len, project.answers().values())) == [0, 0, 1, 1, 2]
    assert backend.trained(project) == as_json(project.answers())
    assert backend.rounds(project)[-1]["acquisition"] == "fishermask"
    assert [p["task"] for p in project.predictions(queue["version"])] == queue["task_ids"]
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]


def test_two_annotators_disagree(queued: Project, backend: Backend, owner: Person):
    queued.change(maximum_annotations=2)
    other = sign_up(owner)
    task = owner.open_next(queued.id)
    owner.submit(task, "zero")
    truth = other.submit(other.open_next(queued.id), "one")
    assert truth["task"] == task["id"]
    backend.until(queued, lambda status: status["tied_tasks"] == 1, "shown as tied")
    assert backend.answers(queued) == as_json({task["id"]: ["one"]})  # the later one

    owner.change(truth, ground_truth=True)
    owner.submit(queued.task(task["id"]), "zero")
    owner.submit(queued.task(task["id"]), "zero")
    backend.until(queued, lambda status: status["tied_tasks"] == 0, "no longer tied")
    assert backend.answers(queued) == as_json({task["id"]: ["one"]})
