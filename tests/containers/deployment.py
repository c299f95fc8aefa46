"""What a user has after `docker compose up`: a clone, its containers, and Label Studio from outside."""

import json
import re
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import httpx

from fishermask_backend.demo.folder import free_port
from tests.containers.engine import Engine
from tests.e2e.backends import ROOT
from tests.e2e.people import Person
from tests.e2e.projects import Project, digits, label_config

Status = dict[str, Any]

URL = "http://fishermask.internal:9090"  # what a user pastes
FOLDER = "/label-studio/files/images"  # docker/images, in Label Studio's container
SMALL = {"BATCH_SIZE": "5", "QUEUE_MARGIN": "5", "QUIET_SECONDS": "3600", "RECONCILE_MINUTES": "1"}
WAIT = 240.0


class Deployment:
    """Containers of one compose file.

    Args:
        engine: Where they run.
        folder: For a copy of the clone: what git tracks.
        name: Before the containers' and volumes' names.
        files: The compose files, in `docker/`.
        arguments: The build's arguments.
        settings: More lines of `.env`.
    """

    def __init__(
        self,
        engine: Engine,
        folder: Path,
        name: str,
        files: Sequence[str],
        arguments: dict[str, str],
        **settings: str,
    ) -> None:
        self.engine, self.name, self.arguments, self._files = engine, name, arguments, files
        self.root = copy_of_clone(folder)
        self.docker = self.root / "docker"
        self.images = self.docker / "images"
        self._compose = [
            *engine.compose(), *(x for file in files for x in ("--file", f"docker/{file}"))
        ]  # fmt: skip
        engine.run(["sh", "docker/make-env.sh"], folder=self.root)
        own, first = free_port(), free_port()
        lines = {
            "COMPOSE_PROJECT_NAME": name,
            "LABEL_STUDIO_PORT": str(own),
            "BACKEND_PORT": str(first),
            "BACKEND_PORTS": f"{first}-{first + 1}",
            **SMALL,
            **settings,
        }
        self.variables = change(self.docker / ".env", lines)
        self.url = f"http://127.0.0.1:{own}"
        self.backend = httpx.Client(base_url=f"http://127.0.0.1:{first}", timeout=60)

    def compose(self, *arguments: str, **more: Any) -> str:
        """Run Docker Compose as the README does; what it prints."""
        return self.engine.run(
            [*self._compose, *arguments], folder=self.root, env=self.arguments, **more
        )

    def readme(self, words: str) -> None:
        """Run the commands of docker/README.md's block with these words, on this deployment."""
        blocks = re.findall(
            r"^```\n(.*?)^```", (self.docker / "README.md").read_text(), re.M | re.S
        )
        (commands,) = [block for block in blocks if words in block]
        for theirs, ours in (
            ("docker compose", " ".join(map(str, self.engine.compose()))),
            ("docker/compose.yaml", ":".join(f"docker/{file}" for file in self._files)),
            ("fishermask_label-studio", f"{self.name}_label-studio"),
        ):
            commands = commands.replace(theirs, ours)
        self.engine.run(["sh", "-e", "-c", commands], folder=self.root, env=self.arguments)

    def up(self, *services: str) -> None:
        """Start what is not running, as the README does; tell the logs if that fails."""
        try:
            self.compose("up", "--detach", *services)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.compose('logs', '--no-color')}") from None

    def fishermask(self, *arguments: str) -> str:
        """Run a command of the backend's in a container of it."""
        return self.compose("exec", "-T", "backend", "fishermask", *arguments)

    def containers(self, service: str = "", *, running: bool = False) -> list[str]:
        """Names of the containers of a service, or of all, those that were stopped too, in order."""
        of_service = f"label=com.docker.compose.service={service}"
        names = self.engine(
            "ps", *([] if running else ["--all"]), "--format", "{{.Names}}",
            "--filter", f"label=com.docker.compose.project={self.name}",
            *(["--filter", of_service] if service else []),
        ).split()  # fmt: skip
        return sorted(names)

    def remove_containers(self) -> None:
        """Remove them all at once."""
        if names := self.containers():
            self.engine("rm", "--force", *names)

    def owner(self) -> Person:
        """The user of `.env`."""
        key = {"Authorization": f"Token {self.variables['LABEL_STUDIO_USER_TOKEN']}"}
        return Person(httpx.Client(base_url=self.url, headers=key, timeout=120))

    def project(self, title: str, count: int = 40) -> Project:
        """A project whose storage is a folder of images beside the compose file."""
        folder = self.images / title
        folder.mkdir()
        for name, data in digits()[:count]:
            (folder / name).write_bytes(data)
        project = Project(self.owner(), title, label_config())
        storage = project.owner.call(
            "POST",
            "/api/storages/localfiles",
            json={
                "project": project.id,
                "path": f"{FOLDER}/{title}",
                "regex_filter": r".*\.png$",
                "use_blob_urls": True,
            },
        )
        project.owner.call("POST", f"/api/storages/localfiles/{storage['id']}/sync")
        until(lambda: len(project.tasks()) == count, f"{count} tasks of the storage")
        for number, task in project.tasks().items():
            name = task["data"]["image"].rpartition("/")[2]
            project.truth[number] = name.partition("-")[0]
        return project

    def status(self, project: Project) -> Status:
        """All that the backend says of a project; empty if it does not know it or is not there."""
        try:
            response = self.backend.get(f"/projects/{project.id}")
        except httpx.TransportError:
            return {}
        return dict(response.json()) if response.is_success else {}

    def queue(self, project: Project, *, after: str = "") -> Status:
        """Wait until Label Studio serves another queue than `after`; its version and tasks."""

        def newer() -> bool:
            version = project["model_version"]
            found.update(self.status(project).get("queue") or {})
            return bool(found) and version == found["version"] != after

        found: Status = {}
        until(newer, f"a queue after «{after}»", lambda: self.told(project))
        return found

    def told(self, project: Project) -> str:
        """What explains a wait in vain."""
        return f"{self.status(project)}\n{self.compose('logs', '--no-color', '--tail', '30')}"

    def learnt(self, project: Project) -> dict[int, list[str]]:
        """The labels that the backend has, by its own export."""
        out = f"/tmp/export-{time.monotonic_ns()}"  # of one container: only there is it read
        (container, *_) = self.containers("worker", running=True)
        self.engine(
            "exec", container, "fishermask", "export", "--project", str(project.id), "--output", out
        )
        rows = json.loads(self.engine("exec", container, "cat", f"{out}/labels.json"))
        return {row["task_id"]: sorted(row["labels"]) for row in rows}

    def networks(self, container: str) -> dict[str, list[str]]:
        """The networks of a container, and its names there."""
        found = self.engine.inspect(container)["NetworkSettings"]["Networks"]
        return {name: list(network["Aliases"] or []) for name, network in found.items()}


def copy_of_clone(folder: Path) -> Path:
    """What git tracks here, or will: as somebody has it who clones it."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes((ROOT / name).read_bytes())
        target.chmod((ROOT / name).stat().st_mode)
    return folder


def change(env: Path, lines: dict[str, str]) -> dict[str, str]:
    """Set lines of a file of variables; all that it then says."""
    text = [line for line in env.read_text().splitlines() if line.partition("=")[0] not in lines]
    env.write_text("\n".join([*text, *(f"{name}={value}" for name, value in lines.items()), ""]))
    return dict(line.split("=", 1) for line in env.read_text().splitlines() if line[:1].isupper())


def until(
    true: Callable[[], Any],
    what: str,
    told: Callable[[], str] = lambda: "",
    seconds: float = WAIT,
) -> None:
    """Wait until something is true, through refusals of servers that are just starting."""
    end = time.monotonic() + seconds
    while True:
        try:
            if true():
                return
        except (httpx.TransportError, AssertionError):
            if time.monotonic() > end:
                raise
        assert time.monotonic() < end, f"not {what} within {seconds:g} s: {told()}"
        time.sleep(0.3)
