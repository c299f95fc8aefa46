"""A Docker engine: the one that runs here, or one that is started for the tests and stopped again.

python -m tests.containers.engine <command>    # runs a command beside it, as DOCKER_HOST
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from fishermask_backend.demo.processes import ChildProcess, log_tail

START_SECONDS = 60


class NoEngine(Exception):
    """There is none and none can be started; the text says why, in a line."""


class Engine:
    """What `docker` and Docker Compose do on one engine.

    Args:
        host: The engine's address; empty for the client's own choice.
    """

    def __init__(self, host: str = "") -> None:
        here = {"DOCKER_HOST": host} if host else {}
        # Debian's client lies there; another one in front of it may lack what BuildKit needs.
        path = os.pathsep.join(["/usr/bin", os.environ.get("PATH", "")])
        builder = {"DOCKER_BUILDKIT": "1", "COMPOSE_DOCKER_CLI_BUILD": "1"}
        self.env = os.environ | {"PATH": path} | builder | here
        self._docker = shutil.which("docker", path=path) or "docker"

    def __call__(self, *arguments: str | Path, **more: Any) -> str:
        """Run `docker …`; what it prints."""
        return self.run([self._docker, *arguments], **more)

    def run(
        self,
        command: list[Any],
        *,
        folder: Path | None = None,
        env: Mapping[str, str] | None = None,
        seconds: float = 1800,
    ) -> str:
        """Run a program that talks to this engine; what it prints, if it succeeds."""
        ran = subprocess.run(
            [str(part) for part in command], cwd=folder, env={**self.env, **(env or {})},
            capture_output=True, text=True, check=False, timeout=seconds,
        )  # fmt: skip
        told = (ran.stdout + ran.stderr)[-4000:]
        assert ran.returncode == 0, f"{command} ended with {ran.returncode}:\n{told}"
        return ran.stdout

    def answers(self) -> bool:
        """Whether there is an engine."""
        try:
            self("version", seconds=10)
        except (AssertionError, OSError, subprocess.TimeoutExpired):
            return False
        return True

    def has_image(self, name: str) -> bool:
        """Whether an image lies here."""
        return self._works("image", "inspect", name)

    def pulls(self, name: str) -> bool:
        """Whether an image lies here or could be pulled."""
        return self.has_image(name) or self._works("pull", "--quiet", name)

    def _works(self, *arguments: str) -> bool:
        try:
            self(*arguments)
        except AssertionError:
            return False
        return True

    def inspect(self, name: str) -> dict[str, Any]:
        """What the engine knows of a container or image."""
        return dict(json.loads(self("inspect", name))[0])

    def logs(self, container: str) -> str:
        """What a container has said."""
        ran = subprocess.run(
            [self._docker, "logs", container], env=self.env, check=True, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return ran.stdout

    def compose(self) -> list[str]:
        """The words that run Docker Compose: version 2 if it is there, else 1.29."""
        return (
            [self._docker, "compose"] if self._works("compose", "version") else ["docker-compose"]
        )


@contextmanager
def running_engine() -> Iterator[Engine]:
    """The engine that runs; else start `dockerd` and stop it behind the block.

    Raises:
        NoEngine: There is none, and it cannot be started.
    """
    engine = Engine()
    if engine.answers():
        yield engine
        return
    if os.geteuid() != 0:
        raise NoEngine("no Docker engine answers, and only root can start one")
    if shutil.which("dockerd") is None:
        raise NoEngine("no Docker engine answers, and there is no dockerd (Debian: docker.io)")
    with ExitStack() as stack:
        # Kept between runs if DOCKER_DATA names a folder: the images are then not built anew.
        kept = os.environ.get("DOCKER_DATA", "")
        data = Path(kept or stack.enter_context(_folder()))
        run = stack.enter_context(_folder())
        engine = Engine(f"unix://{run}/docker.sock")
        command = [
            "dockerd", "--data-root", data, "--exec-root", run / "exec",
            "--pidfile", run / "docker.pid", "--host", f"unix://{run}/docker.sock",
        ]  # fmt: skip
        daemon = ChildProcess("dockerd", command, run / "dockerd.log")
        stack.enter_context(daemon)
        end = time.monotonic() + START_SECONDS
        while not engine.answers():
            process = daemon.process
            if time.monotonic() > end or process is None or process.poll() is not None:
                last = log_tail(daemon.log_file).splitlines()[-1]
                raise NoEngine(f"dockerd does not start here: {last}")
            time.sleep(0.5)
        yield engine


@contextmanager
def _folder() -> Iterator[Path]:
    """A folder that goes; what an engine left mounted in it cannot, and stays."""
    folder = Path(tempfile.mkdtemp(prefix="fishermask-docker-"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


def main(command: list[str]) -> int:
    """Run a command that uses an engine, or say in a line why there is none; the exit code."""
    try:
        with running_engine() as engine:
            return subprocess.run(command, env=engine.env, check=False).returncode
    except NoEngine as error:
        print(f"no containers: {error}")
        return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
