"""Label Studio has a public name, and the backend reaches it by another."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fishermask_backend.demo.server import LabelStudioServer
from tests.e2e.backends import Backend
from tests.e2e.faulty_proxy import FaultyProxy
from tests.e2e.people import Person
from tests.e2e.projects import Project, digits, label_config
from tests.e2e.test_doctor import Doctor, doctor, levels

__all__ = ["doctor"]

PUBLIC = "https://labels.company.invalid"  # no name server has it
GATE = {"X-Gate-Id": "backend", "X-Gate-Secret": "s3cret gate"}


@contextmanager
def public(label_studio: LabelStudioServer, folder: Path, host: str) -> Iterator[LabelStudioServer]:
    """The same Label Studio, as it was a moment ago, under a public name."""
    folder.mkdir()
    for file in label_studio.data_folder.glob("label_studio.sqlite3*"):
        shutil.copy(file, folder)
    server = LabelStudioServer(Path(label_studio.command[0]), folder)
    server.env = {**(server.env or {}), "LABEL_STUDIO_HOST": host}
    with server:
        yield server


def filled(studio: LabelStudioServer, bucket: dict[str, str]) -> Project:
    """A project with images of every kind that Label Studio serves: 6 uploads, 12 files, 24 objects."""
    project = Project(Person(studio.client()), "Public name", label_config())
    project.upload(digits()[:6])
    folder = studio.document_root / "scans"
    folder.mkdir()
    for name, data in digits()[20:32]:
        (folder / name).write_bytes(data)
    project.add_storage("localfiles", path=str(folder))
    for presign in (True, False):
        project.add_storage("s3", presign=presign, **bucket)
    return project


def addresses(project: Project) -> list[str]:
    return [str(task["data"]["image"]) for task in project.tasks().values()]


def all_embedded(project: Project, backend: Backend) -> None:
    project.connect(backend.url)
    queue = backend.queue(project)
    count = len(project.tasks())
    status = backend.until(
        project, lambda s: s["embedded"] + s["failed_images"] == count, "all looked at"
    )
    assert (status["image_errors"], status["embedded"]) == ({}, count)
    assert project.owner.open_next(project.id)["id"] == queue["task_ids"][0]


def test_public_name_beside_an_inside_one(
    label_studio: LabelStudioServer,
    start_backend: Callable[..., Backend],
    bucket: dict[str, str],
    bucket_host: str,
    tmp_path: Path,
):
    with public(label_studio, tmp_path / "public", PUBLIC) as studio:
        project = filled(studio, bucket)
        assert sum(a.startswith(f"{PUBLIC}/data/local-files/?d=") for a in addresses(project)) == 12
        assert sum(f"{PUBLIC}/tasks/" in a for a in addresses(project)) >= 12
        backend = start_backend(
            LABEL_STUDIO_URL=studio.url,
            ALLOWED_IMAGE_HOSTS=bucket_host.removeprefix("http://"),
        )
        all_embedded(project, backend)
        backend.stop()


def test_public_name_with_a_path_and_a_proxy_with_a_log_in(
    label_studio: LabelStudioServer,
    start_backend: Callable[..., Backend],
    doctor: Doctor,
    bucket: dict[str, str],
    bucket_host: str,
    tmp_path: Path,
):
    with public(label_studio, tmp_path / "public", f"{PUBLIC}/label-studio") as studio:
        project = filled(studio, bucket)
        assert sum(a.startswith("/label-studio/data/upload/") for a in addresses(project)) == 6
        gate = FaultyProxy(studio.url, below="/labels", needs=GATE).start()
        backend = start_backend(
            LABEL_STUDIO_URL=gate.url,
            LABEL_STUDIO_HEADERS='{"X-Gate-Id": "backend", "X-Gate-Secret": "s3cret gate"}',
            LOG_LEVEL="DEBUG",
            ALLOWED_IMAGE_HOSTS=bucket_host.removeprefix("http://"),
        )
        all_embedded(project, backend)
        code, lines = doctor(backend, "--project", project.id)
        assert (code, levels(lines, "image")) == (0, ["ok"] * 3), lines
        assert gate.refused == []
        said = [process.log_file.read_text() for process in (backend.web, backend.worker)]
        assert not any("s3cret" in text for text in said)

        code, lines = doctor(backend, "--project", project.id, LABEL_STUDIO_HEADERS="")
        assert (code, levels(lines, "Label Studio")) == (1, ["FAILED"])
        assert "LABEL_STUDIO_HEADERS" in lines["Label Studio"][0]["fix"]
        backend.stop()
        gate.stop()
