"""A real Label Studio on this machine, started without a person."""

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

import httpx

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.folder import LOOPBACK, free_port
from fishermask_backend.demo.processes import ChildProcess, log_tail

START_SECONDS = 300.0
# Read by Label Studio from its environment: what is meant for another one must not leak in.
FOREIGN = ("LABEL_STUDIO_", "HEARTEX_", "DJANGO_", "POSTGRE_", "DATABASE_", "REDIS_", "HOST")


class LabelStudioServer(ChildProcess):
    """Label Studio with one user and a legacy token, on the loopback address only.

    `with LabelStudioServer(binary, folder) as studio: studio.client().get("/api/projects")`

    Attributes:
        url: Its address, such as `http://127.0.0.1:8080`.
        user: The user's e-mail address.
        password: The password that goes with it.
        token: The user's API token (40 hex digits).
        document_root: What it serves as `/data/local-files/?d=<path below this folder>`.
        log_file: Everything it has said.
    """

    def __init__(
        self,
        binary: Path,
        data_folder: Path,
        *,
        port: int | None = None,
        user: str = "demo@example.com",
        password: str = "label-studio",
        token: str = "0123456789abcdef0123456789abcdef01234567",
        log_file: Path | None = None,
        inherit: Sequence[int] = (),
    ) -> None:
        """Remembers what to start.

        Args:
            binary: The `label-studio` script of its own environment.
            data_folder: Its database and uploads; made if missing.
            port: Where it listens; a free port if None.
            user: E-mail address of the user, made at the first start (as are password and token).
            password: The user's password.
            token: The user's API token.
            log_file: Where its output goes; beside the data if None.
            inherit: File descriptors that it holds open as long as it lives.
        """
        self.user, self.password, self.token = user, password, token
        self.port = port or free_port()
        self.url = f"http://{LOOPBACK}:{self.port}"
        self.data_folder = data_folder.resolve()
        self.document_root = self.data_folder / "files"
        command: list[str | Path] = [
            binary,
            "start",
            "--no-browser",
            "--data-dir",
            self.data_folder,
        ]
        command += ["--internal-host", LOOPBACK, "--port", str(self.port)]
        super().__init__(
            "Label Studio",
            command,
            log_file or self.data_folder / "label-studio.log",
            env=self._environment(),
            inherit=inherit,
        )

    def _environment(self) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        return own | {
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.data_folder),
            # Not on the command line, which every user of the machine can read.
            "LABEL_STUDIO_USERNAME": self.user,
            "LABEL_STUDIO_PASSWORD": self.password,
            "LABEL_STUDIO_USER_TOKEN": self.token,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            "LABEL_STUDIO_LOCAL_FILES_SERVING_ENABLED": "true",
            "LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT": str(self.document_root),
            # Since 1.23 it refuses backends and webhooks on loopback addresses unless told so.
            "ML_BLOCK_LOCAL_IP": "false",
            "SSRF_PROTECTION_ENABLED": "false",
            # It shall ask nothing of the internet.
            "LATEST_VERSION_CHECK": "false",
            "COLLECT_ANALYTICS": "false",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
            "PYTHONUNBUFFERED": "1",
        }

    def start(self) -> Self:
        """Start it; `wait` tells when it answers.

        Raises:
            DemoError: The program is not there or cannot be run.
        """
        self.document_root.mkdir(parents=True, exist_ok=True)
        self.first_start = not (self.data_folder / "label_studio.sqlite3").exists()
        return super().start()

    def wait(self, progress: Callable[[str], None] = lambda state: None) -> None:
        """Comes back when it answers, after about 45 s at its first start and 5 s later on.

        Args:
            progress: Told again and again what it is doing.

        Raises:
            DemoError: It ended by itself or does not answer; with the end of its log.
        """
        doing = "making its database" if self.first_start else "waiting for its answer"
        wait_for_health(self, self.url, progress, doing)

    def client(self, token: str | None = None) -> httpx.Client:
        """Return a client with the user's token (or another legacy token) and this server as base."""
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Token {token or self.token}"},
            timeout=120,
        )

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait()
        except BaseException:
            self.stop()
            raise
        return self


def wait_for_health(
    server: ChildProcess,
    url: str,
    progress: Callable[[str], None],
    doing: str,
    seconds: float = START_SECONDS,
) -> None:
    """Wait until `GET <url>/health` answers 200.

    Raises:
        DemoError: The process ended, or `seconds` have passed.
    """
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        server.check()
        progress(doing)
        try:
            if httpx.get(f"{url}/health", timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass  # not listening yet
        time.sleep(0.3)
    raise DemoError(
        f"{server.name} does not answer at {url}/health after {seconds:.0f} s. "
        f"The end of {server.log_file}:\n{log_tail(server.log_file)}"
    )
