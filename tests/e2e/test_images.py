"""Images, wherever Label Studio lets them lie; none of it with credentials of the backend's."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.store import Store, pool, projects
from tests.e2e.backends import Backend
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, Project, digits
from tests.images.image_server import Server

IMAGES = digits()[:12]


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """An empty project."""
    return make_project(images=0)


def check_order(project: Project, backend: Backend, owner: Person, images: int = 12) -> None:
    project.connect(backend.url)
    queue = backend.queue(project)
    status = backend.status(project)
    assert (status["tasks"], status["embedded"], status["image_errors"]) == (images, images, {})
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]


def test_local_files(
    project: Project, backend: Backend, owner: Person, label_studio: LabelStudioServer
):
    folder = label_studio.document_root / "scans"
    folder.mkdir()
    for name, data in IMAGES:
        (folder / name).write_bytes(data)
    project.add_storage("localfiles", path=str(folder))
    (address, *_) = [task["data"]["image"] for task in project.tasks().values()]
    assert address.startswith("/data/local-files/?d=")
    check_order(project, backend, owner)


@pytest.mark.parametrize("presign", [True, False], ids=["presigned", "proxied"])
def test_s3(
    presign: bool, bucket: dict[str, str], project: Project, backend: Backend, owner: Person
):
    project.add_storage("s3", presign=presign, **bucket)
    check_order(project, backend, owner)


def test_web_addresses(project: Project, backend: Backend, owner: Person, image_host: Server):
    image_host.routes = {f"/{name}": (200, {}, data) for name, data in IMAGES}
    project.add(*(f"{image_host.url}/{name}" for name, _ in IMAGES))
    check_order(project, backend, owner)
    assert set(image_host.keys_seen()) == {None}  # the API key is not for other servers


def picture(kind: str, size: int = 256) -> bytes:
    """Noise, in a file that is large for its pixels."""
    file = io.BytesIO()
    levels = np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)
    Image.fromarray(levels).save(file, kind)
    return file.getvalue()


def test_images_that_stand_in_their_tasks(project: Project, backend: Backend, owner: Person):
    whole = base64.b64encode(picture("PNG")).decode()
    lines = "\n".join(whole[i : i + 76] for i in range(0, len(whole), 76))
    heads = [f"data:image/png;name={i};base64," for i in range(10)]
    project.add(*(head + whole for head in heads))
    project.add(f"data:image/png;base64,{lines}\n", f"data:image/png;base64,{whole.rstrip('=')}")
    check_order(project, backend, owner)
    store = Store(backend.database)
    with store.read() as session:
        found = projects.find(session, backend.address, project.id)
        assert found is not None
        kept = [task.image for task in pool.embedded(session, found.id)]
    store.close()
    assert max(map(len, kept)) < 200  # bytes that every look at the project would load


def test_jpegs_that_are_cut_short(project: Project, backend: Backend, owner: Person):
    body = picture("JPEG")
    project.upload((f"cut-{i}.jpg", body[: len(body) * (i + 2) // 16]) for i in range(12))
    check_order(project, backend, owner)


def test_bad_images_harm_nothing_else(project: Project, backend: Backend, owner: Person):
    good = project.upload(IMAGES)
    stranger = Server()
    gone, private, no_image = project.add(
        "/data/upload/1/00000000-gone.png",
        f"{stranger.url}/digit.png",
        "data:image/png;base64,bm8gaW1hZ2U=",
    )
    stranger.server_close()
    project.connect(backend.url)
    queue = backend.queue(project)
    assert set(queue["task_ids"]) <= set(good)
    status = backend.status(project)
    assert (status["embedded"], status["failed_images"]) == (12, 3)
    errors = status["image_errors"]
    assert errors.keys() == {str(gone), str(private), str(no_image)}
    assert "ALLOWED_IMAGE_HOSTS" in errors[str(private)]
    assert f"Task {no_image}" in errors[str(no_image)]
    assert stranger.seen == []
    # A person may open them all the same, and the others keep their answers.
    assert project.task(gone)["predictions"] == []
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]
