"""`fishermask disconnect`: what is this backend's goes, and what was there before stays."""

from collections.abc import Iterator

import pytest

from fishermask_backend.versions import is_ours
from tests.e2e.backends import Backend, wait_for
from tests.e2e.people import Person
from tests.e2e.projects import Project


@pytest.fixture
def ordered(project: Project, backend: Backend) -> Iterator[Project]:
    """A project with a queue, and a webhook of somebody else's."""
    project.change(sampling="Uniform sampling")
    hook = {"project": project.id, "url": "http://127.0.0.1:9/theirs", "send_payload": True}
    project.owner.call("POST", "/api/webhooks/", json=hook)
    project.connect(backend.url)
    backend.queue(project)
    wait_for(lambda: project["model_version"] == "fishermask-1")
    return project


def check_left(project: Project, owner: Person) -> None:
    assert project.backends() == []
    assert (project["sampling"], project["model_version"]) == ("Uniform sampling", "")
    hooks = owner.call("GET", "/api/webhooks/", params={"project": project.id})
    assert [hook["url"] for hook in hooks] == ["http://127.0.0.1:9/theirs"]


def test_all_that_is_ours_goes(ordered: Project, backend: Backend, owner: Person):
    said = backend.run("disconnect", "--project", str(ordered.id))
    check_left(ordered, owner)
    assert "fishermask-1 stay; --clean removes them" in said
    assert len(ordered.predictions("fishermask-1")) == 10
    said = backend.run("disconnect", "--project", str(ordered.id), "--clean")  # and once more
    check_left(ordered, owner)
    assert "fishermask-1 were removed" in said
    assert not any(map(is_ours, ordered.versions()))
    assert "not connected" in backend.status(ordered)["order"]

    ordered.connect(backend.url)  # it can come back
    queue = backend.until(
        ordered, lambda s: s["queue"]["version"] != "fishermask-1", "a new queue", seconds=100
    )["queue"]
    wait_for(lambda: ordered["model_version"] == queue["version"])
    assert ordered.label(2, owner) == queue["task_ids"][:2]


def test_after_delete_in_the_project_s_settings(ordered: Project, backend: Backend, owner: Person):
    ordered.remove_backends()
    backend.run("disconnect", "--project", str(ordered.id), "--clean")
    check_left(ordered, owner)
    assert not any(map(is_ours, ordered.versions()))
