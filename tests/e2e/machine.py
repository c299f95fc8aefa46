"""A backend whose worker is moved step by step, on the real Label Studio.

What a power cut leaves behind (a claim that nobody ends) is left behind by an exception that nothing
catches.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session
from werkzeug.serving import make_server

from fishermask_backend.settings import load_settings
from fishermask_backend.store import Store, open_store, pool, queues, rounds
from fishermask_backend.store import projects as store_projects
from fishermask_backend.store.schema import Project as ProjectRow
from fishermask_backend.store.schema import Queue, Round
from fishermask_backend.web.app import create_app
from fishermask_backend.worker.loop import Worker
from fishermask_backend.worker.step import Memory, do_step
from tests.e2e.backends import SMALL, wait_for
from tests.e2e.projects import Project


class PowerCut(BaseException):
    """Nothing catches it, so nothing is put in order."""


class Machine:
    """A backend whose worker does a step when it is told to."""

    def __init__(self, address: str) -> None:
        self.url = address
        self.store = open_store()
        self.start_worker()

    def start_worker(self) -> None:
        """Start a worker that remembers nothing."""
        self.memory = Memory()
        step = partial(do_step, memory=self.memory)
        self.worker = Worker(load_settings(), self.store, step)

    def work(self, until: Callable[[], bool], seconds: float = 60) -> None:
        """Do steps until something is true."""
        wait_for(lambda: until() or (self.worker.work_once() and until()), seconds)

    def rest(self) -> None:
        """Do steps until there is nothing to do."""
        while self.worker.work_once():
            time.sleep(1)  # what was told meanwhile is due after less than a second

    def connect(self, project: Project) -> None:
        """Connect a project, and do steps until it has its first queue."""
        project.connect(self.url)
        self.work(lambda: self.queue(project) is not None)

    def train(self, project: Project) -> None:
        """Make one more round serve."""
        before = self.queue(project)
        project.start_training()
        self.work(lambda: self.queue(project).version != before.version)

    def look_at_everything(self, project: Project, seconds: float = 60) -> None:
        """Make a whole pass over the project, as it is made every ten minutes."""
        now = time.time()
        with self.store.begin() as session:
            store_projects.count_event(session, self._id(session, project), full=True)

        def done() -> bool:
            with self.store.read() as session:
                row = store_projects.get(session, self._id(session, project))
                return row.pass_finished_at > now and row.lease_owner is None

        self.work(done, seconds)

    def power_on_again(self) -> None:
        """Start a new worker, when the claim of the old one has expired."""
        backbone = self.memory.backbone
        let_claims_expire(self.store)
        self.start_worker()
        self.memory.backbone = backbone  # loaded already

    def queue(self, project: Project) -> Queue | None:
        with self.store.read() as session:
            return queues.active(session, self._id(session, project))

    def rounds(self, project: Project) -> list[Round]:
        with self.store.read() as session:
            return list(rounds.history(session, self._id(session, project)))

    def row(self, project: Project) -> ProjectRow:
        with self.store.read() as session:
            return store_projects.get(session, self._id(session, project))

    def error(self, project: Project) -> str:
        return self.row(project).error

    def trained(self, project: Project) -> dict[int, str]:
        """On which answer of which task the last round was trained."""
        with self.store.read() as session:
            tasks = pool.embedded(session, self._id(session, project))
        return {t.task_id: t.trained for t in tasks if t.trained is not None}

    def predict(self, project: Project, *ids: int) -> list[float]:
        """Ask the web application, as Label Studio does: the score of each task."""
        tasks = [{"id": i, "project": project.id, "data": {}} for i in ids]
        answer = httpx.post(f"{self.url}/predict", json={"tasks": tasks}, timeout=30)
        return [each["score"] for each in answer.raise_for_status().json()["results"]]

    def _id(self, session: Session, project: Project) -> int:
        found = store_projects.find(session, load_settings().label_studio_url, project.id)
        assert found
        return found.id


@contextmanager
def running(address: str, key: str, folder: Path) -> Iterator[Machine]:
    """A machine for a Label Studio, with its web application in a thread."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)  # where no .env is
        for name, value in SMALL.items():
            patch.setenv(name, value)
        patch.setenv("LABEL_STUDIO_URL", address)
        patch.setenv("LABEL_STUDIO_API_KEY", key)
        patch.setenv("MODEL_DIR", str(folder))
        load_settings.cache_clear()
        open_store.cache_clear()
        server = make_server("127.0.0.1", 0, create_app(), threaded=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield Machine(f"http://127.0.0.1:{server.server_port}")
        server.shutdown()
        open_store().close()
    load_settings.cache_clear()
    open_store.cache_clear()


def let_claims_expire(store: Store) -> None:
    with store.begin() as session:
        session.execute(update(ProjectRow).values(lease_until=0.0))


def once(patch: pytest.MonkeyPatch, place: Any, name: str, instead: Callable[..., Any]) -> None:
    """Let the next call of a function, and no later one, do something else: `instead(real, …)`."""
    real = getattr(place, name)

    def first(*args: Any, **more: Any) -> Any:
        patch.setattr(place, name, real)
        return instead(real, *args, **more)

    patch.setattr(place, name, first)


def cut_before(_real: Callable[..., Any], *_args: Any, **_more: Any) -> None:
    raise PowerCut


def cut_after(real: Callable[..., Any], *args: Any, **more: Any) -> None:
    real(*args, **more)
    raise PowerCut


def check_order(project: Project, version: str) -> None:
    """The project shows a queue of ours, whole, each of its tasks once."""
    assert project["sampling"] == "Uncertainty sampling"
    assert project["model_version"] == version
    rows = project.predictions(version)
    assert len({row["task"] for row in rows}) == len(rows) == 10
    assert len({row["score"] for row in rows}) == 10
