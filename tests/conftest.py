"""What most tests need: settings in a temporary folder, and a store in it."""

import json
import os
import random
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from sqlalchemy import create_engine, text

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the worker does, before torch is imported

from fishermask_backend.settings import Settings, load_settings
from fishermask_backend.store import Store, leases, open_store, pool, projects, rounds
from fishermask_backend.store.leases import Lease
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import Project, Round
from fishermask_backend.studio import Studio
from fishermask_backend.worker.work import Work
from tests.company import Proxy
from tests.store.stored import publish, put
from tests.this_machine import commit, machine

Told = Callable[[str, str, float | None], None]

FIRST = Path(__file__).parent / "data" / "first_schema"  # made by make_first_schema.py beside it
CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    '<Choice value="cat"/><Choice value="dog"/></Choices></View>'
)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run the tests of modules that say BOTH_DATABASES once with SQLite and once with PostgreSQL."""
    both = getattr(metafunc.module, "BOTH_DATABASES", False)
    if both and "settings" in metafunc.fixturenames:
        metafunc.parametrize("settings", ["sqlite", "postgresql"], indirect=True)


@pytest.fixture
def settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Settings]:
    """Settings as a process reads them, with the state in a temporary folder."""
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PREDICT_WAIT", "0.3")
    if getattr(request, "param", "sqlite") == "postgresql":
        monkeypatch.setenv("DATABASE_URL", request.getfixturevalue("postgresql"))
    load_settings.cache_clear()
    open_store.cache_clear()
    yield load_settings()
    load_settings.cache_clear()
    open_store.cache_clear()


@pytest.fixture
def configured(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Settings]:
    """Settings with some environment variables set, as a process reads them that starts then."""

    def read(**environment: str) -> Settings:
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        return load_settings()

    return read


@pytest.fixture
def told(record_property: Callable[[str, object], None]) -> Told:
    """Records a row of the table of faults: what failed, what a person reads, since when it mends.

    None instead of a time: a person has to mend it.
    """

    def record(fault: str, seen: str, since: float | None) -> None:
        recovered = "by hand" if since is None else f"{time.monotonic() - since:.1f} s"
        record_property("machine", json.dumps(machine()))
        record_property("commit", commit())
        record_property("fault", fault)
        record_property("seen", seen)
        record_property("recovered", recovered)

    return record


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The address of a PostgreSQL started for these tests, on loopback."""
    folders = [*map(str, Path("/usr/lib/postgresql").glob("*/bin")), os.environ.get("PATH", "")]
    initdb, control = (shutil.which(x, path=os.pathsep.join(folders)) for x in ("initdb", "pg_ctl"))
    if initdb is None or control is None:
        pytest.skip("needs PostgreSQL: Debian's package `postgresql`, or initdb on the PATH")
    user = "postgres" if os.getuid() == 0 else None  # PostgreSQL refuses root
    # Its socket's path must be short, and pytest's folders are closed to other users.
    folder = Path(tempfile.mkdtemp(prefix="fishermask-"))
    if user:
        shutil.chown(folder, user)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    data, listen = folder / "data", f"-h 127.0.0.1 -p {port} -k {folder} -c fsync=off"

    def run(*command: str | Path) -> None:
        subprocess.run(command, user=user, check=True, stdout=subprocess.DEVNULL, cwd=folder)

    run(initdb, "-D", data, "-A", "trust", "-U", "me")
    run(control, "-D", data, "-w", "-l", folder / "log", "-o", listen, "start")
    yield f"postgresql+psycopg://me@127.0.0.1:{port}/postgres"
    run(control, "-D", data, "-m", "immediate", "stop")
    shutil.rmtree(folder)


@pytest.fixture
def postgresql(postgresql_server: str) -> Iterator[str]:
    """The address of an empty database of that server."""
    yield postgresql_server
    engine = create_engine(postgresql_server)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MiB."""
    with mounted(tmp_path / "small-disk", 2) as folder:
        yield folder


@contextmanager
def mounted(folder: Path, megabytes: int) -> Iterator[Path]:
    """Mount a disk of its own at a folder; only root may."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small disk cannot be mounted here: {error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill(folder: Path) -> Path:
    """Take all room that a disk has; the file that takes it."""
    filler = folder / "filler"
    with (
        pytest.raises(OSError, match="No space left"),
        filler.open("wb", buffering=0) as file,
    ):
        while True:
            file.write(bytes(4096))
    return filler


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The store that the process under test opens."""
    opened = open_store()
    yield opened
    opened.close()


@pytest.fixture
def project(store: Store, settings: Settings) -> Project:
    """A connected project, number 7 in Label Studio, with four embedded tasks and no round."""
    return connected_project(store, settings.label_studio_url)


def connected_project(store: Store, label_studio_url: str) -> Project:
    """Store that project."""
    with store.begin() as session:
        made = projects.register(session, label_studio_url, 7, 1000)
        made.title, made.connected, made.label_config = "Animals", True, CONFIG
        made.pass_wanted, made.pass_finished_at = False, time.time()
        pool.put_tasks(session, made, [(i, f"/{i}.png") for i in range(1, 5)], random.Random(0))
        for row, task in enumerate(pool.tasks_by_id(session, made.id, [1, 2, 3, 4]).values()):
            task.row = row
        made.next_row = 4
    return made


@pytest.fixture
def work(store: Store, project: Project) -> Work:
    """A step's surroundings for that project, without a Label Studio."""
    with store.begin() as session:
        lease = leases.claim(session, load_settings().label_studio_url, "worker")
    assert lease is not None
    return Work(load_settings(), store, cast("Studio", None), lease)


@pytest.fixture
def served(store: Store, project: Project) -> Project:
    """That project with an active round: the queue is 2, 1; then comes 3; task 4 is not scored."""
    publish_round(store, project, [2, 1], [Scored(3, 0.75, 0.1, np.array([0.5, 0.5]))])
    return project


@pytest.fixture
def first_release(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Settings with the state that the first release left: project 7, 8 labels, a serving round."""
    shutil.copytree(FIRST / "projects", settings.model_dir / "projects")
    with closing(sqlite3.connect(settings.model_dir / "fishermask.db")) as connection:
        connection.executescript((FIRST / "fishermask.sql").read_text())
    for name, value in {"BACKBONE": "small_cnn", "IMAGE_SIZE": "16"}.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    return load_settings()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., Settings]:
    """Makes another folder MODEL_DIR, as a process started then sees it."""

    def move(name: str = "elsewhere") -> Settings:
        monkeypatch.setenv("MODEL_DIR", str(tmp_path / name))
        load_settings.cache_clear()
        open_store.cache_clear()
        return load_settings()

    return move


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """A proxy that leads all requests to its `target`."""
    server = Proxy()
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


def workspace(store: Store, project_id: int) -> Work:
    """A step's surroundings where nobody else works."""
    lease = Lease(project_id, studio_id=0, owner="", fence=0, events=0)
    return Work(load_settings(), store, cast("Studio", None), lease)


def publish_round(
    store: Store, project: Project, queue: Sequence[int], rest: Sequence[Scored] = (), **more: Any
) -> Round:
    """Store the project's next round and make it serve a queue of certain cats."""
    with store.read() as session:
        number = rounds.next_number(session, project.id)
    fields = {"weights": "weights.safetensors", "scorer": "scorer.safetensors", **more}
    places = [
        Scored(task, 0.5 * i / len(queue), 1.0, np.array([0.9, 0.1]))
        for i, task in enumerate(queue)
    ]
    made = put(store, project.id, number, [*places, *rest], **fields)
    publish(store, made, queue)
    return made


def tasks(*ids: int) -> list[dict[str, Any]]:
    """Tasks of that project as Label Studio sends them to /predict."""
    return [{"id": i, "project": 7, "data": {"image": f"/{i}.png"}} for i in ids]
