"""The doctor on a real Label Studio: what it finds when all is well, and when something is not."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.errors import LabelStudioError
from fishermask_backend.settings import Settings, load_settings
from fishermask_backend.store import open_store
from fishermask_backend.studio import Studio
from tests.command_line import fishermask
from tests.company import Proxy
from tests.e2e.backends import Backend
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, Project, label_config
from tests.images.image_server import Server

Lines = dict[str, list[dict[str, str]]]
Doctor = Callable[..., tuple[int, Lines]]
GUARDS = ("ML_BLOCK_LOCAL_IP", "SSRF_PROTECTION_ENABLED")


@pytest.fixture(scope="module")
def backend(start_backend: Callable[..., Backend]) -> Backend:
    """One that may take images from nowhere but Label Studio, under a secret prefix."""
    return start_backend(URL_PREFIX="/s3cr3t")


@pytest.fixture
def connected(project: Project, backend: Backend) -> Project:
    project.connect(f"{backend.url}/s3cr3t")
    backend.queue(project)
    return project


@pytest.fixture
def doctor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Doctor]:
    """Runs it where a backend runs: exit code, and what was found by what was looked at."""

    def run(backend: Backend, *arguments: object, **settings: str) -> tuple[int, Lines]:
        monkeypatch.chdir(backend.state)
        for name in map(str.upper, Settings.model_fields):
            monkeypatch.delenv(name, raising=False)
        for name, value in (dict(backend.web.env or {}) | settings).items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        open_store.cache_clear()
        ended = fishermask("doctor", "--json", *arguments)
        told = ended.stdout
        assert "s3cr3t" not in told
        assert load_settings().label_studio_api_key not in told
        lines: Lines = {}
        for line in map(json.loads, told.splitlines()):
            lines.setdefault(line["what"], []).append(line)
        return ended.exit_code, lines

    yield run
    load_settings.cache_clear()
    open_store.cache_clear()


def levels(lines: Lines, what: str) -> list[str]:
    return [line["level"] for line in lines[what]]


def test_all_is_well(
    doctor: Doctor, backend: Backend, connected: Project, label_studio: LabelStudioServer
):
    code, lines = doctor(backend, "--project", connected.id)
    assert {line["level"] for found in lines.values() for line in found} == {"ok"}, lines
    assert code == 0
    assert lines["Label Studio"][0]["how"].startswith("1.23.2 at ")
    assert lines["key"][0]["how"].endswith(f"(a legacy token) is {label_studio.user}'s")
    assert "zero, one, two" in lines[f"project {connected.id}"][0]["how"]
    assert (len(lines["image"]), len(lines["address guard"])) == (3, 2)


def test_a_config_that_lets_labels_get_lost(doctor: Doctor, backend: Backend, connected: Project):
    connected.change(label_config=label_config().replace(' required="true"', ""))
    code, lines = doctor(backend, "--project", connected.id)
    told = lines[f"project {connected.id}"][1]
    assert (code, told["level"]) == (0, "warning")
    assert "the hotkey of a class that is pre-labelled unchecks it" in told["how"]
    assert told["fix"] == 'add required="true" to <Choices name="label">'


def test_not_connected(doctor: Doctor, backend: Backend, project: Project):
    code, lines = doctor(backend, "--project", project.id)
    assert (code, levels(lines, "connection")) == (1, ["FAILED"])
    assert "Connect Model" in lines["connection"][0]["fix"]
    assert "address guard" not in lines
    code, lines = doctor(backend, "--project", project.id, "--url", backend.url)
    assert (code, levels(lines, "connection")) == (1, ["FAILED"])
    assert levels(lines, "address guard") == ["ok", "ok"]
    assert f"{backend.url}/<URL_PREFIX>" in lines["address guard"][0]["how"]
    assert project.backends() == []  # asking has connected nothing
    assert project.owner.call("GET", "/api/webhooks/", params={"project": project.id}) == []


def test_names_that_label_studio_does_not_take(doctor: Doctor, backend: Backend, project: Project):
    code, lines = doctor(backend, "--project", project.id, "--url", "http://backend:9090")
    assert (code, levels(lines, "address guard")) == (1, ["FAILED", "warning"])
    assert "name that Label Studio's machine knows" in lines["address guard"][0]["fix"]
    assert "name with a dot" in lines["address guard"][1]["fix"]


def test_names_with_an_underscore(
    doctor: Doctor,
    backend: Backend,
    project: Project,
    proxy: Proxy,
    label_studio: LabelStudioServer,
):
    named = ("--project", project.id, "--url", "http://fisher_mask.example:9090")
    code, lines = doctor(backend, *named)
    assert (code, levels(lines, "address guard")) == (1, ["FAILED", "warning"])
    assert all("without an underscore" in line["fix"] for line in lines["address guard"])
    proxy.target = label_studio.url.removeprefix("http://")
    here = {"LABEL_STUDIO_URL": "http://label_studio:8080", "HTTP_PROXY": proxy.url, "NO_PROXY": ""}
    code, lines = doctor(backend, *named, **here)
    assert (code, levels(lines, "Label Studio")) == (1, ["FAILED"])
    assert "one with an underscore is not" in lines["Label Studio"][0]["fix"]
    with (
        pytest.raises(LabelStudioError, match="one with an underscore is not"),
        Studio(load_settings().label_studio_url, label_studio.token) as studio,
    ):
        studio.project(project.id)


def test_webhook(doctor: Doctor, backend: Backend, connected: Project, owner: Person):
    (hook,) = owner.call("GET", "/api/webhooks/", params={"project": connected.id})
    owner.call("PATCH", f"/api/webhooks/{hook['id']}/", json={"is_active": False})
    code, lines = doctor(backend, "--project", connected.id)
    assert (code, levels(lines, "webhook")) == (0, ["warning"])
    assert "switch it on" in lines["webhook"][0]["fix"]
    owner.call("DELETE", f"/api/webhooks/{hook['id']}/")
    _, lines = doctor(backend, "--project", connected.id)
    assert "add a webhook" in lines["webhook"][0]["fix"]


def test_private_image_host_is_named(
    doctor: Doctor, backend: Backend, make_project: MakeProject, image_host: Server
):
    project = make_project(images=0)
    project.add(f"http://{image_host.address}/digit.png")
    project.connect(f"{backend.url}/s3cr3t")
    code, lines = doctor(backend, "--project", project.id)
    assert (code, levels(lines, "image")) == (1, ["FAILED"])
    advice = f"add {image_host.address} to ALLOWED_IMAGE_HOSTS"
    assert advice in lines["image"][0]["how"]
    backend.until(project, lambda status: status.get("failed_images"), "tried")
    _, lines = doctor(backend, "--project", project.id)
    tried = lines[f"project {project.id}"][-1]["how"]
    assert tried.startswith("1 of 1 images cannot be had (1 are given up")
    assert advice in tried


def test_private_place_that_a_bucket_redirects_to_is_named(
    doctor: Doctor,
    backend: Backend,
    make_project: MakeProject,
    bucket: dict[str, str],
    bucket_host: str,
):
    project = make_project(images=0)
    project.add_storage("s3", presign=True, **bucket)
    project.connect(f"{backend.url}/s3cr3t")
    code, lines = doctor(backend, "--project", project.id)
    assert (code, set(levels(lines, "image"))) == (1, {"FAILED"})
    address = bucket_host.removeprefix("http://")
    assert f"add {address} to ALLOWED_IMAGE_HOSTS" in lines["image"][0]["how"]


def test_key_that_is_refused(doctor: Doctor, backend: Backend, connected: Project):
    code, lines = doctor(backend, "--project", connected.id, LABEL_STUDIO_API_KEY="0" * 40)
    assert (code, levels(lines, "key")) == (1, ["FAILED"])
    assert "Personal Access Token" in lines["key"][0]["fix"]
    assert f"project {connected.id}" not in lines


def test_web_server_that_is_down(
    doctor: Doctor, start_backend: Callable[..., Backend], project: Project
):
    other = start_backend()
    project.connect(other.url)
    other.queue(project)
    other.stop()
    code, lines = doctor(other, "--project", project.id)
    assert (code, levels(lines, "connection")) == (1, ["FAILED"])
    assert levels(lines, "web server") == ["warning"]
    assert other.url in lines["connection"][0]["how"]


@pytest.fixture
def guarded(label_studio: LabelStudioServer, tmp_path: Path) -> Iterator[LabelStudioServer]:
    """The same Label Studio, as it was a moment ago, as 1.23 guards it by default."""
    binary, folder = Path(label_studio.command[0]), tmp_path / "label-studio"
    folder.mkdir()
    for file in label_studio.data_folder.glob("label_studio.sqlite3*"):
        shutil.copy(file, folder)
    server = LabelStudioServer(binary, folder)
    server.env = {name: value for name, value in (server.env or {}).items() if name not in GUARDS}
    with server:
        yield server


def test_address_guard(
    doctor: Doctor, backend: Backend, connected: Project, guarded: LabelStudioServer
):
    code, lines = doctor(
        backend,
        *("--project", connected.id, "--url", f"{backend.url}/s3cr3t"),
        LABEL_STUDIO_URL=guarded.url,
    )
    assert (code, levels(lines, "address guard")) == (1, ["FAILED", "warning"])
    assert "ML_BLOCK_LOCAL_IP=false" in lines["address guard"][0]["fix"]
    assert "SSRF_PROTECTION_ENABLED=false" in lines["address guard"][1]["fix"]


def test_personal_token(doctor: Doctor, backend: Backend, connected: Project, personal_token: str):
    code, lines = doctor(backend, "--project", connected.id, LABEL_STUDIO_API_KEY=personal_token)
    assert code == 0
    assert "(a personal access token)" in lines["key"][0]["how"]
