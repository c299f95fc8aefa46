"""The backend's two processes, and what it says about a project."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.folder import LOOPBACK
from fishermask_backend.demo.processes import ChildProcess
from fishermask_backend.demo.server import LabelStudioServer

# Meant for another backend of this user; all other settings (BATCH_SIZE, DEVICE …) count here too.
FOREIGN = ("DATABASE_URL", "SECRET_KEY", "BASIC_AUTH_USER", "BASIC_AUTH_PASS")


class Backend:
    """`fishermask serve` and `fishermask worker`, as a user would start them.

    Attributes:
        url: The web server's address.
        web: The web server.
        worker: The worker.
        data: Its MODEL_DIR.
    """

    def __init__(
        self, folder: Path, port: int, studio: LabelStudioServer, inherit: Sequence[int] = ()
    ) -> None:
        """Remembers what to start.

        Args:
            folder: For its data and logs.
            port: Where the web server listens.
            studio: The Label Studio that it works for.
            inherit: File descriptors that both processes hold open as long as they live.
        """
        self.url = f"http://{LOOPBACK}:{port}"
        self.data = folder / "backend"
        self.data.mkdir(parents=True, exist_ok=True)
        own = {name: value for name, value in os.environ.items() if name not in FOREIGN}
        env = own | {
            "HOST": LOOPBACK,
            "PORT": str(port),
            "LABEL_STUDIO_URL": studio.url,
            "LABEL_STUDIO_API_KEY": studio.token,
            "MODEL_DIR": str(self.data),
            "PYTHONUNBUFFERED": "1",
        }
        self._env = env
        # In a folder of its own, so that no .env file of the user's is read.
        self.web, self.worker = (
            ChildProcess(
                name,
                [sys.executable, "-m", "fishermask_backend.cli", verb],
                folder / "logs" / f"{verb}.log",
                env=env,
                folder=self.data,
                inherit=inherit,
            )
            for name, verb in (
                ("the backend's web server", "serve"),
                ("the backend's worker", "worker"),
            )
        )

    def project(self, project: int) -> dict[str, Any]:
        """Return what the backend says about a project; empty if it doesn't know it yet."""
        response = httpx.get(f"{self.url}/projects/{project}", timeout=30, trust_env=False)
        if response.status_code == httpx.codes.NOT_FOUND:
            return {}
        response.raise_for_status()
        return dict(response.json())

    def report(self, project: int) -> Path:
        """Write a project's page as a file beside the data; its path.

        Raises:
            DemoError: It could not be written.
        """
        path = self.data.with_name(f"project-{project}.html")
        command = [sys.executable, "-m", "fishermask_backend.cli", "report"]
        ended = subprocess.run(
            [*command, "--project", str(project), "--output", str(path)],
            env=self._env, cwd=self.data, capture_output=True, text=True, check=False,
        )  # fmt: skip
        if ended.returncode:
            raise DemoError(f"The report could not be written: {ended.stderr.strip()}")
        return path

    def finished_rounds(self, project: int) -> list[dict[str, Any]]:
        """Return the rounds that have led to a new order, the cold start among them, oldest first."""
        rounds = self.project(project).get("rounds", [])
        return sorted(
            (each for each in rounds if each["finished"]),
            key=lambda each: int(each["number"]),
        )
