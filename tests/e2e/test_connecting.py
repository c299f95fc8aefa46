"""Connecting: what the project's Model page says, and tasks that go while they are queued."""

import shutil
import time
from collections.abc import Callable

import pytest

from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.versions import PROJECT_HEADER
from tests.company import Proxy
from tests.conftest import Told
from tests.e2e.backends import Backend
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, Project, as_json, digits, label_config

TEXT = (
    '<View><Text name="text" value="$image"/><Choices name="label" toName="text">'
    '<Choice value="zero"/><Choice value="one"/></Choices></View>'
)
ADVICE = 'A config that works: <View><Image name="image" value="$image"/><Choices name="label"'


def test_unsupported_config_is_explained_on_the_model_page(
    make_project: MakeProject, backend: Backend, owner: Person
):
    project = make_project(12)
    project.connect(backend.url)
    backend.queue(project)
    project.change(label_config=TEXT)
    (shown,) = project.backends()
    assert shown["state"] == "ER"
    assert ADVICE in shown["error_message"]
    project.change(label_config=label_config())
    (shown,) = project.backends()
    assert (shown["state"], shown["error_message"]) == ("CO", None)


def test_unsupported_config_is_not_connected(
    make_project: MakeProject, backend: Backend, owner: Person
):
    project = make_project(images=0, config=TEXT)
    body = {"url": backend.url, "project": project.id}
    refused = owner.client.post("/api/ml", json=body)
    assert refused.status_code == 400
    assert ADVICE in refused.json()["validation_errors"]["non_field_errors"][0]


@pytest.mark.fault
def test_task_deleted_while_it_is_queued(
    project: Project, backend: Backend, owner: Person, told: Told
):
    project.connect(backend.url)
    queue = backend.queue(project)
    gone, *left = queue["task_ids"]
    project.delete_tasks(gone)
    since = time.monotonic()
    status = backend.until(project, lambda status: status["tasks"] == 39, "one task less")
    assert status["error"] == ""
    told("a task of the queue is deleted", "nothing", since)
    for expected in left[:5]:
        task = owner.open_next(project.id)
        assert task["id"] == expected
        owner.submit(task, project.truth[expected])
    queue = backend.queue(project, after=queue["version"])
    assert gone not in queue["task_ids"]
    assert backend.rounds(project)[-1]["pool"] == 39
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]


def test_events_come_short_and_are_understood(project: Project, backend: Backend, owner: Person):
    project.connect(backend.url)
    backend.queue(project)
    (hook,) = owner.call("GET", "/api/webhooks/", params={"project": project.id})
    assert (hook["send_payload"], hook["headers"]) == (False, {PROJECT_HEADER: str(project.id)})
    project.label(1, owner)
    # Without an event it would be noticed after a minute.
    backend.until(project, lambda status: status["labelled"] == 1, "told of a label", seconds=20)


def test_more_uploads_than_label_studio_lists_at_once(
    make_project: MakeProject, backend: Backend, owner: Person
):
    project = make_project(images=0)
    files = [(name, (name, data, "image/png")) for name, data in digits()[:92]]
    for _ in range(11):  # Label Studio takes 100 files a request, and fails to list 1,000 uploads
        owner.call("POST", f"/api/projects/{project.id}/import", files=files)
    project.connect(backend.url)
    backend.until(project, lambda status: status["tasks"] == 1012, "every task read")


def test_a_backend_that_lost_its_state_finds_its_own_projects_again(
    start_backend: Callable[..., Backend], project: Project, owner: Person
):
    backend = start_backend()
    project.connect(backend.url)
    backend.queue(project)
    owner.submit(owner.open_next(project.id), "zero")
    backend.stop()
    shutil.rmtree(backend.state)
    backend.state.mkdir()
    other = start_backend()  # of the same Label Studio
    backend.start()
    queue = backend.queue(project)
    assert queue["version"] == "fishermask-2"  # above what Label Studio still has
    assert backend.answers(project) == as_json(project.answers())
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]
    assert other.status(project) == {}


def test_label_studio_behind_a_company_s_proxy(
    start_backend: Callable[..., Backend],
    project: Project,
    owner: Person,
    label_studio: LabelStudioServer,
    proxy: Proxy,
):
    proxy.target = label_studio.url.removeprefix("http://")
    backend = start_backend(
        LABEL_STUDIO_URL="http://label-studio.company.example",  # which the proxy alone can find
        http_proxy=proxy.url,
        no_proxy="",
    )
    project.connect(backend.url)
    queue = backend.queue(project)
    project.label(5, owner)
    queue = backend.queue(project, after=queue["version"])
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]
    status = backend.status(project)
    assert (status["embedded"], status["error"]) == (40, "")
    assert all(path.startswith("http://label-studio.company.example/") for path in proxy.paths())
