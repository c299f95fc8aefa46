"""Images, wherever Label Studio lets them lie; none of it with credentials of the backend's."""

import boto3
import pytest

from fishermask_backend.demo.server import LabelStudioServer
from tests.e2e.backends import Backend
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, Project, digits
from tests.images.image_server import Server

IMAGES = digits()[:12]
KEY = {"aws_access_key_id": "of-label-studio", "aws_secret_access_key": "secret"}


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """An empty project."""
    return make_project(images=0)


@pytest.fixture(scope="module")
def bucket(bucket_host: str) -> str:
    """A bucket with the images in it."""
    client = boto3.client("s3", endpoint_url=bucket_host, region_name="us-east-1", **KEY)
    client.create_bucket(Bucket="digits")
    for name, data in IMAGES:
        client.put_object(Bucket="digits", Key=f"scans/{name}", Body=data)
    return "digits"


def add_storage(owner: Person, project: Project, kind: str, **fields) -> None:
    """Connect a storage in the project's settings and press «Sync»."""
    body = {"project": project.id, "use_blob_urls": True, "regex_filter": r".*\.png", **fields}
    storage = owner.call("POST", f"/api/storages/{kind}", json=body)
    owner.call("POST", f"/api/storages/{kind}/{storage['id']}/sync")


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
    add_storage(owner, project, "localfiles", path=str(folder))
    (address, *_) = [task["data"]["image"] for task in project.tasks().values()]
    assert address.startswith("/data/local-files/?d=")
    check_order(project, backend, owner)


@pytest.mark.parametrize("presign", [True, False], ids=["presigned", "proxied"])
def test_s3(
    presign: bool, bucket: str, bucket_host: str, project: Project, backend: Backend, owner: Person
):
    add_storage(
        owner, project, "s3", bucket=bucket, prefix="scans", presign=presign,
        s3_endpoint=bucket_host, region_name="us-east-1", **KEY,
    )  # fmt: skip
    check_order(project, backend, owner)


def test_web_addresses(project: Project, backend: Backend, owner: Person, image_host: Server):
    image_host.routes = {f"/{name}": (200, {}, data) for name, data in IMAGES}
    project.add(*(f"{image_host.url}/{name}" for name, _ in IMAGES))
    check_order(project, backend, owner)
    assert set(image_host.keys_seen()) == {None}  # the API key is not for other servers


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
    (shown,) = project.task(gone)["predictions"]
    assert (shown["result"], shown["score"]) == ([], 1.0)
    assert owner.open_next(project.id)["id"] == queue["task_ids"][0]
