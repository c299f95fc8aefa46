"""Keys: a personal access token, the legacy token, none; and the password of the backend itself."""

from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from fishermask_backend.demo.server import LabelStudioServer
from tests.e2e.backends import Backend
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, Project
from tests.jwt import token

AUTH = {"basic_auth_user": "label-studio", "basic_auth_pass": "a password"}


@pytest.fixture
def with_access_token(label_studio: LabelStudioServer, personal_token: str) -> Iterator[Person]:
    """The owner, by a key that is no legacy token."""
    with httpx.Client(base_url=label_studio.url, timeout=60) as client:
        answer = client.post("/api/token/refresh/", json={"refresh": personal_token})
        client.headers["Authorization"] = f"Bearer {answer.json()['access']}"
        yield Person(client)


@pytest.fixture
def allow_legacy_tokens(with_access_token: Person) -> Iterator[Callable[[bool], None]]:
    """Turns legacy tokens off or on for the whole organisation; on again behind the test."""

    def allow(legacy: bool) -> None:
        wanted = {"api_tokens_enabled": True, "legacy_api_tokens_enabled": legacy}
        with_access_token.call("POST", "/api/jwt/settings", json=wanted)

    yield allow
    allow(True)


def check_not_told(backend: Backend, *secrets: str) -> None:
    """No secret is in a log or in the process list."""
    said = [process.log_file.read_text() for process in (backend.web, backend.worker)]
    assert all(said)
    commands = [path.read_bytes().decode() for path in Path("/proc").glob("[0-9]*/cmdline")]
    assert any("fishermask_backend" in command for command in commands)
    for secret in secrets:
        assert not any(secret in text for text in said + commands)


def test_personal_token_and_basic_auth(
    start_backend: Callable[..., Backend], personal_token: str, project: Project, owner: Person
):
    backend = start_backend(
        LOG_LEVEL="DEBUG",
        LABEL_STUDIO_API_KEY=personal_token,
        BASIC_AUTH_USER=AUTH["basic_auth_user"],
        BASIC_AUTH_PASS=AUTH["basic_auth_pass"],
    )
    for path in ("/predict", "/setup", "/train", "/validate", "/delete"):
        assert httpx.post(backend.url + path, json={}).status_code == 401
    for path in ("/", "/projects", f"/projects/{project.id}", "/versions"):
        assert httpx.get(backend.url + path).status_code == 401
    assert httpx.get(backend.url + "/", auth=("label-studio", "another")).status_code == 401

    wrong = {"basic_auth_user": "label-studio", "basic_auth_pass": "another"}
    body = {"url": backend.url, "project": project.id, "auth_method": "BASIC_AUTH", **wrong}
    refused = owner.client.post("/api/ml", json=body)
    assert refused.status_code == 400
    assert "BASIC_AUTH_USER" in refused.text

    project.connect(backend.url, auth_method="BASIC_AUTH", **AUTH)
    queue = backend.queue(project)
    (shown,) = project.backends()
    assert (shown["state"], shown["model_version"]) == ("CO", queue["version"])
    for expected in queue["task_ids"][:5]:
        task = owner.open_next(project.id)
        assert task["id"] == expected
        owner.submit(task, project.truth[expected])
    second = backend.queue(project, after=queue["version"])  # the events came, without a password
    button = {"action": "START_TRAINING", "project": {"id": project.id}}
    assert httpx.post(f"{backend.url}/webhook", json=button).status_code == 401
    project.start_training()  # the button comes with it
    third = backend.queue(project, after=second["version"])
    assert third["version"] == "fishermask-3"
    project.act("retrieve_tasks_predictions")
    assert len(project.predictions("fishermask-3")) == 40

    check_not_told(backend, personal_token, AUTH["basic_auth_pass"])


def test_secret_prefix(
    start_backend: Callable[..., Backend],
    make_project: MakeProject,
    owner: Person,
    label_studio: LabelStudioServer,
):
    prefix = "/4f6b-hard.to~guess"
    backend = start_backend(URL_PREFIX=prefix, LOG_LEVEL="DEBUG")
    project = make_project(20)
    refused = owner.client.post("/api/ml", json={"url": backend.url, "project": project.id})
    assert refused.status_code == 400
    project.connect(backend.url + prefix)
    queue = backend.queue(project)
    (shown,) = project.backends()
    assert (shown["state"], shown["model_version"]) == ("CO", queue["version"])
    task = owner.open_next(project.id)
    owner.submit(task, project.truth[task["id"]])
    assert "POST /webhook 201" in backend.web.log_file.read_text()
    check_not_told(backend, prefix, label_studio.token)


def test_token_that_setup_brings(
    start_backend: Callable[..., Backend],
    make_project: MakeProject,
    owner: Person,
    label_studio: LabelStudioServer,
):
    backend = start_backend(LABEL_STUDIO_API_KEY="", LOG_LEVEL="DEBUG")
    project = make_project(20)
    project.connect(backend.url)
    queue = backend.queue(project)
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]
    assert not any(  # it rests encrypted
        label_studio.token.encode() in file.read_bytes()
        for file in backend.state.rglob("*")
        if file.is_file()
    )

    # What somebody else brings takes nothing away, a token that has expired included.
    body = {
        "project": str(project.id),
        "schema": project["label_config"],
        "access_token": token("refresh", expires=1),
    }
    assert backend.client.post("/setup", json=body).is_success
    project.label(5, owner)
    backend.queue(project, after=queue["version"])
    check_not_told(backend, label_studio.token)


def test_token_that_setup_brings_is_refused(
    start_backend: Callable[..., Backend],
    make_project: MakeProject,
    allow_legacy_tokens: Callable[[bool], None],
    with_access_token: Person,
    owner: Person,
):
    project = make_project(20)
    backend = start_backend(LABEL_STUDIO_API_KEY="")
    allow_legacy_tokens(False)
    body = {"url": backend.url, "project": project.id}
    with_access_token.call("POST", "/api/ml", json=body)
    status = backend.until(project, lambda status: status.get("error"), "told")
    assert "No key opens Label Studio" in status["error"]
    assert "LABEL_STUDIO_API_KEY" in status["error"]
    assert status["queue"] is None

    allow_legacy_tokens(True)
    project.backends()  # looking at the Model page calls /setup again
    queue = backend.queue(project)
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]
