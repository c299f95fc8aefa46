"""The order, whatever happens to what makes it: the queue's predictions, and the project's settings."""

import json
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from fishermask_backend.worker import embedding, schedule
from tests.e2e.backends import Backend, Status, wait_for
from tests.e2e.machine import Machine
from tests.e2e.people import Person, result
from tests.e2e.projects import MakeProject, Project, digits, label_config

UNCERTAINTY = "Uncertainty sampling"


@pytest.fixture
def queued(project: Project, backend: Backend) -> Project:
    """A project whose first queue is there."""
    project.connect(backend.url)
    backend.queue(project)
    ordered(project, backend)
    return project


def ordered(project: Project, backend: Backend) -> Status:
    """Wait until the status says that the order is set."""
    return backend.until(project, lambda s: s["order"].startswith("set by FisherMask"), "ordered")


def served_whole(project: Project, backend: Backend, owner: Person, *, instead_of: str) -> None:
    """Wait for another queue; the page then serves its order, and Label Studio holds all of it."""
    status = backend.until(
        project, lambda s: s["queue"]["version"] != instead_of, "published again", seconds=100
    )
    queue = status["queue"]
    assert (project["sampling"], project["model_version"]) == (UNCERTAINTY, queue["version"])
    assert [p["task"] for p in project.predictions(queue["version"])] == queue["task_ids"]
    assert status["order"] == "set by FisherMask"
    assert project.label(3, owner) == queue["task_ids"][:3]


def test_a_queue_that_label_studio_has_lost_is_published_again(
    make_project: MakeProject, backend: Backend, owner: Person
):
    projects = [
        make_project() for _ in range(3)
    ]  # at once: the look that notices comes each minute
    for each in projects:
        each.connect(backend.url)
    order = [backend.queue(each)["task_ids"] for each in projects]
    for each in projects:
        ordered(each, backend)
    whole, partly, by_version = projects
    whole.act("delete_tasks_predictions", order[0])
    partly.act("delete_tasks_predictions", order[1][2:4])
    body = {"model_version": "fishermask-1"}  # on the page «Predictions» of the settings
    owner.call("DELETE", f"/api/projects/{by_version.id}/model-versions/", json=body)
    assert not by_version["model_version"]
    for each in projects:
        served_whole(each, backend, owner, instead_of="fishermask-1")
    assert "were deleted in Label Studio" in backend.worker.log_file.read_text()


def test_deleted_predictions_are_noticed_among_retrieved_ones(
    queued: Project, backend: Backend, owner: Person
):
    queued.label(5, owner)
    queue = backend.queue(queued, after="fishermask-1")
    queued.act("retrieve_tasks_predictions")  # under the queue's version, for tasks outside of it
    assert len(queued.predictions(queue["version"])) == 40
    queued.act("delete_tasks_predictions", queue["task_ids"][:1])
    backend.until(
        queued, lambda s: s["queue"]["version"] != queue["version"], "published again", seconds=100
    )


def test_hidden_predictions_do_not_cost_the_order(queued: Project, backend: Backend, owner: Person):
    order = backend.queue(queued)["task_ids"]
    for title in ("hidden", "hidden, and saved again"):
        queued.change(show_collab_predictions=False, title=title)
        assert queued["model_version"] == ""
        wait_for(lambda: queued["model_version"] == "fishermask-1")
    status = backend.until(queued, lambda s: "Use predictions" in s["order"], "told")
    assert status["order"].startswith(
        "set by FisherMask; «Use predictions to prelabel tasks» is off"
    )
    assert not queued["show_collab_predictions"]
    assert queued.label(2, owner) == order[:2]
    assert owner.open_next(queued.id)["predictions"] == []
    queued.change(show_collab_predictions=True)
    backend.until(queued, lambda s: s["order"] == "set by FisherMask", "shown again")


def test_hidden_from_the_beginning(project: Project, backend: Backend, owner: Person):
    project.change(show_collab_predictions=False)
    project.connect(backend.url)
    order = backend.queue(project)["task_ids"]
    assert "Use predictions" in ordered(project, backend)["order"]
    assert project.label(3, owner) == order[:3]


def test_a_person_s_change_is_told_at_once_and_can_be_undone(queued: Project, backend: Backend):
    queued.change(sampling="Sequential sampling")
    backend.until(queued, lambda s: s["order"].startswith("paused, because"), "told")
    queued.change(sampling=UNCERTAINTY)
    ordered(queued, backend)


def test_a_task_that_was_opened_early_has_its_pre_label_later(
    project: Project, backend: Backend, owner: Person
):
    project.connect(backend.url)
    early = max(project.truth)
    assert project.task(early)["predictions"] == []  # before the first queue
    order = backend.queue(project)["task_ids"]
    outside = [i for i in project.truth if i not in order]
    for task_id in outside:
        assert project.task(task_id)["predictions"] == []  # nothing is learnt yet
    project.label(5, owner)
    version = backend.queue(project, after="fishermask-1")["version"]
    for task_id in outside:
        (shown,) = project.task(task_id)["predictions"]
        assert (shown["model_version"], len(shown["result"])) == (version, 1)


@pytest.fixture
def predicted(make_project: MakeProject, owner: Person) -> Iterator[Project]:
    """A project whose tasks came with predictions that name no version."""
    made = make_project(0)
    ids = made.upload(digits()[:30])
    rows = [{"task": i, "result": result("zero"), "score": 0.9} for i in ids]
    owner.call("POST", f"/api/projects/{made.id}/import/predictions", json=rows)
    made.change(model_version="undefined")
    return made


def test_start_training_is_leave_to_replace_unnamed_predictions(
    predicted: Project, backend: Backend, owner: Person
):
    before = predicted["sampling"]
    predicted.connect(backend.url)
    backend.queue(predicted)
    status = backend.until(predicted, lambda s: "'undefined'" in s["order"], "told")
    assert status["order"].startswith("not set, because the project shows")
    assert "*Start Training*" in status["order"]
    assert (predicted["sampling"], predicted["model_version"]) == (before, "undefined")
    predicted.start_training()
    queue = backend.queue(predicted, after="fishermask-1")
    ordered(predicted, backend)
    assert predicted.label(3, owner) == queue["task_ids"][:3]
    assert len(predicted.predictions("undefined")) == 30
    predicted.remove_backends()
    backend.until(predicted, lambda s: not s["connected"], "noticed", seconds=100)
    assert (predicted["sampling"], predicted["model_version"]) == (before, "undefined")
    assert backend.status(predicted)["order"].startswith("not set: the backend is not connected")


def test_nothing_is_said_to_be_set_before_it_is(make_project: MakeProject, backend: Backend):
    empty = make_project(0, label_config())
    empty.connect(backend.url)
    backend.until(empty, lambda s: s["order"] == "not set yet: no task is known", "told")
    empty.add("http://127.0.0.1:9/none.png")
    backend.until(empty, lambda s: "no image can be used" in s["order"], "told")


def test_by_hand_a_tab_by_prediction_score_is_in_the_chosen_queue_s_order(
    project: Project, start_backend: Callable[..., Backend], owner: Person
):
    backend = start_backend(AUTO_ORDER="false")
    project.connect(backend.url)
    first = backend.queue(project)
    assert "choose `active_version`" in backend.status(project)["order"]
    assert tab_by_score(project, owner) == []  # the version is the backend's title
    project.change(model_version=first["version"])
    assert tab_by_score(project, owner) == first["task_ids"]
    for task_id in first["task_ids"][:5]:
        owner.submit(project.task(task_id), project.truth[task_id])
    second = backend.queue(project, after=first["version"])
    assert tab_by_score(project, owner) == first["task_ids"]  # as the README says
    assert backend.status(project)["active_version"] == second["version"]
    project.change(model_version=second["version"])
    assert tab_by_score(project, owner) == second["task_ids"]
    assert project["sampling"] == "Sequential sampling"


def tab_by_score(project: Project, owner: Person) -> list[int]:
    """The tasks of a Data Manager tab that is ordered by prediction score, those without one last."""
    query = {"project": project.id, "page_size": 100, "fields": "all"}
    query["query"] = json.dumps({"ordering": ["tasks:predictions_score"]})
    rows = owner.call("GET", "/api/tasks", params=query)["tasks"]
    return [r["id"] for r in rows if r["predictions_score"] is not None]


def test_the_first_queue_is_renewed_as_the_pool_grows(
    machine: Machine, make_project: MakeProject, owner: Person, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(schedule, "FIRST_QUEUE_SECONDS", 0.0)
    monkeypatch.setattr(embedding, "IMAGES_A_BATCH", 12)
    monkeypatch.setattr(embedding, "EMBEDDING_SECONDS", 0.1)  # a batch a step
    growing = make_project(90)
    growing.connect(machine.url)
    machine.work(lambda: machine.queue(growing) is not None)
    (task,) = growing.label(1, owner)
    machine.work(lambda: machine.rounds(growing)[-1].pool_size == 90, seconds=180)
    machine.work(lambda: machine.queue(growing).version == growing["model_version"])
    made = machine.rounds(growing)
    pools = [r.pool_size for r in made]
    assert pools[0] < 45
    assert all(later >= 1.2 * earlier for earlier, later in pairwise(pools))
    assert {r.acquisition for r in made} == {"cold start"}
    order = machine.queue(growing).task_ids
    assert task not in order
    assert growing.label(2, owner) == order[:2]
