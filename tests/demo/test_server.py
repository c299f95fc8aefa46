"""Label Studio as the demo starts it, a project as the demo makes it, and the simulated annotator."""

import os
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.annotator import Annotator, Place
from fishermask_backend.demo.environments import ROOT
from fishermask_backend.demo.images import DemoImages, write_images
from fishermask_backend.demo.project import (
    CONTROL,
    IMAGE,
    answer,
    create_project,
    project_exists,
    upload_images,
)
from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.demo.sources import digits_source

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def binary() -> Path:
    named = os.environ.get("LABEL_STUDIO_BIN")
    path = Path(named or ROOT / ".venv-label-studio/bin/label-studio")
    if not named and not path.exists():
        pytest.skip(f"needs a Label Studio: `make test` makes {path}, or set LABEL_STUDIO_BIN")
    return path


@pytest.fixture(scope="module")
def studio(binary: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioServer]:
    with LabelStudioServer(
        binary, tmp_path_factory.mktemp("studio"), password="pass-12345"
    ) as server:
        yield server


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> DemoImages:
    return write_images(digits_source(), tmp_path_factory.mktemp("images"), 60)


@dataclass
class Setting:
    """A project with the digits in it and an annotator at it."""

    client: httpx.Client
    project: int
    annotator: Annotator
    tasks: list[int]

    def publish(self, version: str, order: list[int], label: str = "3") -> None:
        """Does by hand what the backend does with a round's queue."""
        region = {
            "id": "r1",
            "type": "choices",
            "from_name": CONTROL,
            "to_name": IMAGE,
            "value": {"choices": [label]},
        }
        rows = [
            {"task": task, "score": place / 100, "model_version": version, "result": [region]}
            for place, task in enumerate(order)
        ]
        address = f"/api/projects/{self.project}"
        answer(self.client.post(f"{address}/import/predictions", json=rows))
        change = {"model_version": version, "sampling": "Uncertainty sampling"}
        answer(self.client.patch(address, json=change))


@pytest.fixture
def setting(studio: LabelStudioServer, images: DemoImages) -> Iterator[Setting]:
    with studio.client() as client:
        project = create_project(client, "A simulation in the tests", images.classes)
        upload_images(client, project, images.files(images.tasks))
        query = {"project": project, "page_size": 100, "fields": "task_only"}
        tasks = [
            row["id"] for row in answer(client.get("/api/tasks", params=query)).json()["tasks"]
        ]
        random.Random(0).shuffle(tasks)
        yield Setting(client, project, Annotator(client, project, images.tasks, 0.0), tasks)


def test_it_lets_in_its_user_by_token_and_nobody_without(studio: LabelStudioServer):
    with studio.client() as client:
        assert answer(client.get("/api/current-user/whoami")).json()["email"] == studio.user
    assert httpx.get(f"{studio.url}/api/projects").status_code == httpx.codes.UNAUTHORIZED


def test_it_lets_in_its_user_by_password(studio: LabelStudioServer):
    with httpx.Client(base_url=studio.url, follow_redirects=True) as browser:
        browser.get("/user/login/")
        form = {
            "email": studio.user,
            "password": studio.password,
            "csrfmiddlewaretoken": browser.cookies["csrftoken"],
        }
        page = browser.post("/user/login/", data=form)
        assert "user/login" not in page.url.path
        assert answer(browser.get("/api/current-user/whoami")).json()["email"] == studio.user


def test_secrets_are_not_on_the_command_line(studio: LabelStudioServer):
    assert not {studio.token, studio.password} & set(studio.command)


def test_it_listens_on_loopback_only(studio: LabelStudioServer):
    table = Path("/proc/net/tcp")
    if not table.exists():
        pytest.skip("reads Linux's table of sockets")
    listening = [row.split()[1] for row in table.read_text().splitlines()[1:] if " 0A " in row]
    assert [each for each in listening if each.endswith(f":{studio.port:04X}")] == [
        f"0100007F:{studio.port:04X}"
    ]


def test_it_serves_files_of_its_document_root(studio: LabelStudioServer, setting: Setting):
    (studio.document_root / "pictures").mkdir()
    (studio.document_root / "pictures" / "a.png").write_bytes(b"some bytes")
    storage = {"project": setting.project, "path": str(studio.document_root / "pictures")}
    answer(setting.client.post("/api/storages/localfiles", json=storage))
    file = setting.client.get("/data/local-files/", params={"d": "pictures/a.png"})
    assert answer(file).content == b"some bytes"


def test_uploads_are_served_as_they_were(setting: Setting, images: DemoImages):
    task = answer(setting.client.get(f"/api/tasks/{setting.tasks[0]}")).json()
    (address,) = task["data"].values()
    assert address.startswith("/data/upload/")
    name = address.rpartition("/")[2].partition("-")[2]
    (file,) = images.files([name])
    assert answer(setting.client.get(address)).content == file.read_bytes()


def test_a_project_that_was_deleted_is_known_to_be_gone(setting: Setting):
    assert project_exists(setting.client, setting.project)
    setting.client.delete(f"/api/projects/{setting.project}")
    assert not project_exists(setting.client, setting.project)


def test_a_refusal_is_told_in_label_studios_words(setting: Setting):
    with pytest.raises(DemoError, match=r"answered 400 to POST /api/projects: .*label_config"):
        answer(setting.client.post("/api/projects", json={"title": "A", "label_config": "<View"}))


def test_tasks_served_without_a_queue_count_elsewhere(setting: Setting):
    setting.annotator.label(3)
    assert setting.annotator.places() == {None: {Place.ELSEWHERE: 3}}


def test_the_published_order_is_served_and_counted_across_queues(setting: Setting):
    first, second = setting.tasks[:20], list(reversed(setting.tasks[10:40]))
    setting.publish("fishermask-1", first)
    setting.annotator.label(5)
    setting.publish("fishermask-2.1", second)
    setting.annotator.label(6)
    assert [served.task for served in setting.annotator.served] == first[:5] + second[:6]
    assert setting.annotator.places() == {1: {Place.FIRST: 5}, 2: {Place.FIRST: 6}}


def test_a_task_still_locked_from_an_older_queue_counts_apart(setting: Setting):
    setting.publish("fishermask-1", setting.tasks[:20])
    setting.annotator.open_next()
    setting.publish("fishermask-2", setting.tasks[20:40])
    setting.annotator.label(2)
    assert setting.annotator.places() == {
        1: {Place.FIRST: 1},
        2: {Place.LOCKED: 1, Place.FIRST: 1},
    }


def test_the_end_of_a_queue_is_noticed(setting: Setting):
    setting.publish("fishermask-1", setting.tasks[:2])
    setting.annotator.label(3)
    assert setting.annotator.places() == {1: {Place.FIRST: 2, Place.ELSEWHERE: 1}}


def test_another_order_than_the_published_one_is_noticed(setting: Setting):
    setting.publish("fishermask-1", setting.tasks[:20])
    answer(
        setting.client.patch(
            f"/api/projects/{setting.project}", json={"sampling": "Sequential sampling"}
        )
    )
    setting.annotator.label(5)
    assert setting.annotator.places()[1][Place.ELSEWHERE] >= 4


def test_submits_are_what_the_labelling_page_sends(setting: Setting, images: DemoImages):
    setting.publish("fishermask-1", setting.tasks[:20], label="3")
    task = setting.annotator.open_next()
    assert task is not None
    setting.annotator.submit(task)
    (stored,) = answer(setting.client.get(f"/api/tasks/{task.id}/annotations/")).json()
    truth = images.tasks[task.file_name]
    assert stored["parent_prediction"] == task.prediction["id"]
    assert stored["lead_time"] > 0
    assert stored["result"][0]["value"]["choices"] == [truth]
    assert stored["result"][0]["origin"] == ("prediction" if truth == "3" else "prediction-changed")


def test_labelling_ends_with_the_last_task(studio: LabelStudioServer, images: DemoImages):
    with studio.client() as client:
        project = create_project(client, "A short project", images.classes)
        upload_images(client, project, images.files(list(images.tasks)[:3]))
        annotator = Annotator(client, project, images.tasks, 0.0)
        annotator.label(10)
    assert len(annotator.served) == len(annotator.queues.done) == 3


def test_another_start_takes_up_the_same_data(binary: Path, studio: LabelStudioServer):
    """Last, because it stops the module's server."""
    with studio.client() as client:
        before = answer(client.get("/api/projects")).json()["count"]
    studio.stop()
    assert not studio.alive()
    with LabelStudioServer(binary, studio.data_folder, port=studio.port) as again:
        assert again.url == studio.url
        with again.client(studio.token) as client:
            assert answer(client.get("/api/projects")).json()["count"] == before
