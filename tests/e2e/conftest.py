"""A real Label Studio for all tests here, and backends for it."""

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import boto3
import pytest
from moto.server import ThreadedMotoServer

from fishermask_backend.demo.server import LabelStudioServer
from tests.e2e.backends import ROOT, Backend
from tests.e2e.machine import Machine, running
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, Project, digits, label_config
from tests.images.image_server import Server, serving


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.e2e)


@pytest.fixture(scope="session")
def label_studio(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabelStudioServer]:
    """Label Studio 1.23.2 of its own environment: LABEL_STUDIO_BIN, or the one `make test` makes."""
    named = os.environ.get("LABEL_STUDIO_BIN")
    binary = Path(named or ROOT / ".venv-label-studio/bin/label-studio")
    if not named and not binary.exists():
        pytest.skip(f"needs a Label Studio: `make test` makes {binary}, or set LABEL_STUDIO_BIN")
    with LabelStudioServer(binary, tmp_path_factory.mktemp("label-studio")) as server:
        yield server


@pytest.fixture(scope="module")
def machine(
    label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    """A backend that is moved step by step."""
    folder = tmp_path_factory.mktemp("machine")
    with running(label_studio.url, label_studio.token, folder) as made:
        yield made


@pytest.fixture(scope="session")
def owner(label_studio: LabelStudioServer) -> Person:
    """The user who makes the projects."""
    return Person(label_studio.client())


@pytest.fixture(scope="session")
def personal_token(owner: Person) -> str:
    """The owner's personal access token, which Label Studio 1.23 makes by default; one a person."""
    return str(owner.call("POST", "/api/token/")["token"])


@pytest.fixture(scope="session")
def image_host() -> Iterator[Server]:
    """A web server that the backend may take images from."""
    with serving(Server()) as server:
        yield server


@pytest.fixture(scope="session")
def bucket_host() -> Iterator[str]:
    """The address of an S3 server that the backend may be redirected to."""
    server = ThreadedMotoServer("127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def bucket(bucket_host: str) -> dict[str, str]:
    """A bucket there with twelve digits, as it is named to Label Studio."""
    key = {"aws_access_key_id": "of-label-studio", "aws_secret_access_key": "secret"}
    client = boto3.client("s3", endpoint_url=bucket_host, region_name="us-east-1", **key)
    client.create_bucket(Bucket="digits")
    for name, data in digits()[:12]:
        client.put_object(Bucket="digits", Key=f"scans/{name}", Body=data)
    where = {"s3_endpoint": bucket_host, "region_name": "us-east-1"}
    return {"bucket": "digits", "prefix": "scans", **where, **key}


@pytest.fixture(scope="session")
def backend(
    label_studio: LabelStudioServer,
    image_host: Server,
    bucket_host: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Backend]:
    """The backend of all tests that need no settings of their own."""
    hosts = f"{image_host.address},{bucket_host.removeprefix('http://')}"
    folder = tmp_path_factory.mktemp("backend")
    shared = Backend(label_studio, folder, ALLOWED_IMAGE_HOSTS=hosts).start()
    yield shared
    shared.stop()


@pytest.fixture(scope="module")
def start_backend(
    label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Backend]]:
    """Starts backends with settings of their own, and stops them behind the module."""
    with ExitStack() as stack:

        def start(**settings: str) -> Backend:
            made = Backend(label_studio, tmp_path_factory.mktemp("backend"), **settings)
            stack.callback(made.stop)
            return made.start()

        yield start


@pytest.fixture
def make_project(owner: Person, request: pytest.FixtureRequest) -> Iterator[MakeProject]:
    """Makes projects with digits in them, and deletes them behind the test."""
    made: list[Project] = []

    def make(images: int = 40, config: str = label_config()) -> Project:
        project = Project(owner, request.node.name[:50], config)
        made.append(project)
        if images:
            project.upload(digits()[:images])
        return project

    yield make
    for project in made:
        owner.client.delete(f"/api/projects/{project.id}")


@pytest.fixture
def project(make_project: MakeProject) -> Project:
    """A project with 40 digits, not connected yet."""
    return make_project()
