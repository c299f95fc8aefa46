"""What is not the backend's: settings of people, versions of other models, projects it left."""

import time
from collections.abc import Callable

import pytest

from tests.conftest import Told
from tests.e2e.backends import Backend, wait_for
from tests.e2e.people import Person, result
from tests.e2e.projects import MakeProject, Project, as_json


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """A project with 30 digits, not connected yet."""
    return make_project(30)


@pytest.fixture(scope="module")
def watchful(start_backend: Callable[..., Backend]) -> Backend:
    """A backend that compares everything every three seconds, trains after two, and takes over."""
    return start_backend(RECONCILE_MINUTES="0.05", QUIET_SECONDS="2", TAKE_OVER="true")


def test_changed_sampling_pauses_the_order(project: Project, backend: Backend, owner: Person):
    project.connect(backend.url)
    backend.queue(project)
    project.change(sampling="Sequential sampling")
    project.label(5, owner)
    backend.queue(project, after="fishermask-1")
    assert project["sampling"] == "Sequential sampling"
    assert project["model_version"] == "fishermask-1"
    assert "paused" in backend.status(project)["order"]
    assert owner.open_next(project.id)["id"] == min(project.truth.keys() - project.answers().keys())

    project.start_training()
    queue = backend.queue(project, after="fishermask-2")
    assert project["sampling"] == "Uncertainty sampling"
    assert project["model_version"] == queue["version"] == "fishermask-3"
    assert backend.status(project)["order"] == "set by FisherMask"


def use_another_model(owner: Person, project: Project) -> None:
    """Give the project the predictions of another model, and show them."""
    rows = [
        {"task": i, "result": result("zero"), "score": 0.9, "model_version": "resnet-7"}
        for i in project.truth
    ]
    owner.call("POST", f"/api/projects/{project.id}/import/predictions", json=rows)
    project.change(model_version="resnet-7")


def test_another_model_s_version_stays(project: Project, backend: Backend, owner: Person):
    use_another_model(owner, project)
    before = project["sampling"]
    project.connect(backend.url)
    backend.queue(project)
    assert (project["sampling"], project["model_version"]) == (before, "resnet-7")
    assert "TAKE_OVER" in backend.status(project)["order"]


def test_another_model_s_version_is_taken_over_when_asked(
    project: Project, watchful: Backend, owner: Person
):
    use_another_model(owner, project)
    project.connect(watchful.url)
    queue = watchful.queue(project)
    assert project["sampling"] == "Uncertainty sampling"
    assert project["model_version"] == queue["version"]
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]
    assert len(project.predictions("resnet-7")) == 30


def test_no_auto_order_and_no_pre_labels(
    project: Project, start_backend: Callable[..., Backend], owner: Person
):
    backend = start_backend(AUTO_ORDER="false", PRELABELS="false")
    before = project["sampling"]
    project.connect(backend.url)
    backend.queue(project)
    assert project["model_version"] == "FisherMask"  # Label Studio's own doing
    project.label(5, owner)
    queue = backend.queue(project, after="fishermask-1")
    assert (project["sampling"], project["model_version"]) == (before, "FisherMask")
    assert "AUTO_ORDER" in backend.status(project)["order"]
    rows = project.predictions(queue["version"])
    assert [row["task"] for row in rows] == queue["task_ids"]
    assert all(row["result"] == [] for row in rows)
    project.act("retrieve_tasks_predictions")
    assert all(row["result"] == [] for row in project.predictions(queue["version"]))


def test_removed_backend_puts_the_former_order_back(
    project: Project, watchful: Backend, owner: Person
):
    project.change(sampling="Sequential sampling")
    project.connect(watchful.url)
    queue = watchful.queue(project)
    assert project["sampling"] == "Uncertainty sampling"
    project.remove_backends()
    watchful.until(project, lambda status: not status["connected"], "noticed")
    assert project["sampling"] == "Sequential sampling"
    assert not project["model_version"]

    project.connect(watchful.url)  # and once more
    watchful.until(project, lambda status: status["connected"], "connected")
    wait_for(lambda: project["sampling"] == "Uncertainty sampling")
    assert project["model_version"] == queue["version"]


def test_removed_backend_gives_way_to_the_other_model(
    project: Project, watchful: Backend, owner: Person
):
    use_another_model(owner, project)
    before = project["sampling"]
    project.connect(watchful.url)
    watchful.queue(project)
    assert project["model_version"] == "fishermask-1"
    project.remove_backends()
    watchful.until(project, lambda status: not status["connected"], "noticed")
    assert (project["sampling"], project["model_version"]) == (before, "resnet-7")


@pytest.mark.fault
def test_deleted_project_is_forgotten(project: Project, watchful: Backend, told: Told):
    others = set((watchful.state / "projects").glob("*"))
    project.connect(watchful.url)
    watchful.queue(project)
    (folder,) = set((watchful.state / "projects").iterdir()) - others
    project.delete()
    since = time.monotonic()
    watchful.until(project, lambda status: not status, "forgotten")
    wait_for(lambda: not folder.exists())
    said = f"Project {project.id} was deleted."
    assert said in watchful.worker.log_file.read_text()
    told("the project is deleted", f"log: {said}", since)


@pytest.mark.fault
def test_lost_events_are_made_up_for(
    project: Project, watchful: Backend, owner: Person, told: Told
):
    project.connect(watchful.url)
    queue = watchful.queue(project)
    for hook in owner.call("GET", "/api/webhooks/", params={"project": project.id}):
        owner.call("DELETE", f"/api/webhooks/{hook['id']}/")
    project.label(2, owner)
    project.delete_tasks(queue["task_ids"][5])
    since = time.monotonic()
    # Two labels and then none is enough, too.
    watchful.queue(project, after="fishermask-1")
    status = watchful.until(project, lambda status: status["tasks"] == 29, "one task less")
    assert watchful.trained(project) == as_json(project.answers())
    assert status["error"] == ""
    told("events are lost (RECONCILE_MINUTES=0.05)", "nothing", since)
