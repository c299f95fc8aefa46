"""`fishermask connect` on a real Label Studio."""

import subprocess
from collections.abc import Callable

import pytest

from tests.e2e.backends import Backend
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, Project, label_config

PASSWORD = "a password"


@pytest.fixture(scope="module")
def backend(start_backend: Callable[..., Backend]) -> Backend:
    """One with a secret prefix and a password, which Label Studio must be told."""
    return start_backend(
        URL_PREFIX="/s3cr3t", BASIC_AUTH_USER="label-studio", BASIC_AUTH_PASS=PASSWORD
    )


def connect(backend: Backend, project: Project, *more: str, **settings: str) -> tuple[int, str]:
    """Exit code, and what was said."""
    command = [*backend.web.command[:-1], "connect", "--project", str(project.id), *more]
    env = dict(backend.web.env or {}) | settings
    ran = subprocess.run(
        command, env=env, cwd=backend.web.folder, capture_output=True, text=True, check=False
    )
    for secret in ("s3cr3t", PASSWORD, env["LABEL_STUDIO_API_KEY"]):
        assert secret not in ran.stdout + ran.stderr
    return ran.returncode, ran.stdout + ran.stderr


def test_a_project_is_connected_once_and_served(backend: Backend, project: Project, owner: Person):
    code, said = connect(backend, project)
    assert code == 0, said
    assert f"was added to project {project.id}" in said
    assert "Label Studio calls" in said
    queue = backend.queue(project)
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]
    code, said = connect(backend, project, "--url", backend.url)
    assert (code, len(project.backends())) == (0, 1)
    assert "already" in said
    assert "may be submitted empty" not in said
    project.change(label_config=label_config().replace(' required="true"', ""))
    code, said = connect(backend, project, "--url", backend.url)
    assert code == 0
    assert 'add required="true" to <Choices name="label">' in said


def test_nothing_is_connected_where_it_cannot_work(
    backend: Backend, make_project: MakeProject, project: Project
):
    text = '<View><Text name="t" value="$t"/><TextArea name="a" toName="t"/></View>'
    other = make_project(images=0, config=text)
    code, said = connect(backend, other, "--url", backend.url)
    assert (code, other.backends()) == (1, [])
    assert "<Choices" in said

    code, said = connect(backend, project, "--url", "http://127.0.0.1:1")
    assert (code, project.backends()) == (1, [])
    assert "FAILED   connect" in said

    code, said = connect(backend, project, BACKEND_URL="")
    assert (code, project.backends()) == (2, [])
    assert "BACKEND_URL" in said
