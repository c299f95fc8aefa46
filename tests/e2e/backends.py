"""The backend's two processes as a user starts them, and what they say."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import httpx

from fishermask_backend.demo.folder import free_port
from fishermask_backend.demo.processes import ChildProcess, log_tail
from fishermask_backend.demo.server import LabelStudioServer, wait_for_health
from fishermask_backend.settings import Settings
from fishermask_backend.store import Store, pool, projects
from tests.e2e.projects import Project

ROOT = Path(__file__).resolve().parents[2]
SMALL = {"BATCH_SIZE": "5", "QUEUE_MARGIN": "5", "QUIET_SECONDS": "3600", "IMAGE_SIZE": "64"}
# What is meant for another backend, or would open a bucket without Label Studio.
FOREIGN = (*(name.upper() for name in Settings.model_fields), "AWS_", "BOTO_")

Status = dict[str, Any]


def wait_for(true: Callable[[], Any], seconds: float = 60) -> None:
    """Wait until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not true within {seconds:g} s"
        time.sleep(0.1)


class Backend:
    """`fishermask serve` and `fishermask worker`, with small batches and no quiet time.

    Args:
        label_studio: Whose backend it is; the key is its user's legacy token.
        folder: For its state and logs.
        settings: What differs.
    """

    def __init__(self, label_studio: LabelStudioServer, folder: Path, **settings: str) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.address = label_studio.url
        self.state = folder / "state"
        self.state.mkdir(parents=True, exist_ok=True)
        here = f"sqlite:///{self.state / 'fishermask.db'}"
        self.database = settings.get("DATABASE_URL", here)
        own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        env = own | SMALL | {
            "PYTHONPATH": str(ROOT),
            "LABEL_STUDIO_URL": label_studio.url,
            "LABEL_STUDIO_API_KEY": label_studio.token,
            "MODEL_DIR": str(self.state),
            "PORT": str(port),
            "BACKEND_URL": self.url,
        } | settings  # fmt: skip
        self._env = env
        self.web, self.worker = (
            ChildProcess(
                command,
                [sys.executable, "-m", "fishermask_backend.cli", command],
                folder / f"{command}.log",
                env=env,
                folder=self.state,  # where no .env is
            )
            for command in ("serve", "worker")
        )
        prefix = settings.get("URL_PREFIX", "")
        self.client = httpx.Client(base_url=self.url + prefix, timeout=30)
        if "BASIC_AUTH_USER" in settings:
            self.client.auth = (settings["BASIC_AUTH_USER"], settings["BASIC_AUTH_PASS"])

    def start(self) -> Self:
        """Start both, and wait for the web server."""
        self.worker.start()
        self.web.start()
        wait_for_health(self.web, self.url, lambda _: None, "starting", seconds=60)
        return self

    def stop(self) -> None:
        """Stop both in good order."""
        self.web.stop()
        self.worker.stop()

    def kill(self, *processes: ChildProcess) -> None:
        """End these, or both, as a power cut does."""
        for process in processes or (self.worker, self.web):
            assert process.pid
            os.killpg(process.pid, signal.SIGKILL)
            process.stop()

    def run(self, *arguments: str) -> str:
        """Run another command beside them; what it prints."""
        ran = subprocess.run(
            [sys.executable, "-m", "fishermask_backend.cli", *arguments],
            env=self._env, cwd=self.state, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def status(self, project: Project) -> Status:
        """All that it says about a project; empty if it does not know it."""
        response = self.client.get(f"/projects/{project.id}")
        assert response.status_code in (200, 404), response.text
        return dict(response.json()) if response.status_code == 200 else {}

    def until(
        self, project: Project, true: Callable[[Status], Any], what: str, seconds: float = 60
    ) -> Status:
        """Wait until something is true of a project's status; the status."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.worker.check()
            status = self.status(project)
            if true(status):
                return status
            time.sleep(0.1)
        log = log_tail(self.worker.log_file)
        raise AssertionError(f"not {what} within {seconds:g} s: {self.status(project)}\n{log}")

    def queue(self, project: Project, *, after: str = "", seconds: float = 60) -> Status:
        """Wait for a queue, of another round than that of `after`; its version and tasks.

        A round's queue is filled up while the next round is computed (`fishermask-1.2`).
        """
        before = after.partition(".")[0]

        def newer(status: Status) -> bool:
            return bool(status.get("queue")) and (
                status["queue"]["version"].partition(".")[0] != before
            )

        return dict(self.until(project, newer, "a new queue", seconds)["queue"])

    def rounds(self, project: Project) -> list[Status]:
        """Its rounds, oldest first."""
        return list(self.status(project)["rounds"])

    def trained(self, project: Project) -> dict[int, str]:
        """On which answer of which task the last round was trained."""
        return self._answers(project, "trained")

    def answers(self, project: Project) -> dict[int, str]:
        """What it has read as the answer to which task."""
        return self._answers(project, "answer")

    def _answers(self, project: Project, column: str) -> dict[int, str]:
        store = Store(self.database)
        with store.read() as session:
            found = projects.find(session, self.address, project.id)
            assert found is not None
            tasks = pool.embedded(session, found.id)
        store.close()
        return {t.task_id: value for t in tasks if (value := getattr(t, column)) is not None}
