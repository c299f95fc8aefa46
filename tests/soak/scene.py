"""Where soaks take place: a Label Studio and a backend as a user starts them, and their figures."""

import json
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import httpx

from fishermask_backend.demo.backend import Backend
from fishermask_backend.demo.folder import free_port
from fishermask_backend.demo.server import LabelStudioServer
from tests.this_machine import ROOT, commit, machine

LABEL_STUDIO = ROOT / ".venv-label-studio/bin/label-studio"
RESULTS = ROOT / ".benchmarks/reliability"


@dataclass(frozen=True)
class Scene:
    """A Label Studio, its owner's client, and a backend that is started by `backend_running`."""

    folder: Path
    studio: LabelStudioServer
    client: httpx.Client
    backend: Backend

    @contextmanager
    def backend_running(self) -> Iterator[Backend]:
        """Web server and worker, until the block ends."""
        with self.backend.web, self.backend.worker:
            until(lambda: self.backend.web.check() or answers(self.backend.url))
            yield self.backend


@contextmanager
def scene(label_studio: Path) -> Iterator[Scene]:
    """Start a Label Studio from its binary, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(empty_studio(label_studio), folder / "studio")
        with (
            LabelStudioServer(label_studio, folder / "studio") as studio,
            studio.client() as client,
        ):
            yield Scene(folder, studio, client, Backend(folder, free_port(), studio))


def empty_studio(label_studio: Path) -> Path:
    """The folder of a Label Studio with nobody's data, kept for all soaks: a minute to make."""
    made = RESULTS.parent / "label-studio"
    if not made.exists():
        with tempfile.TemporaryDirectory() as name:
            with LabelStudioServer(label_studio, Path(name) / "studio"):
                pass
            shutil.copytree(Path(name) / "studio", made)
    return made


def keep(name: str, measured: dict[str, Any]) -> None:
    """Write what a soak measured, of what, when and where, for `tests.soak.page`; print it too."""
    about = {"machine": machine(), "date": date.today().isoformat(), "commit": commit()}
    text = json.dumps({**measured, **about}, indent=1)
    RESULTS.mkdir(parents=True, exist_ok=True)
    (RESULTS / f"{name}.json").write_text(text)
    print(text)


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health", trust_env=False).is_success
    except httpx.TransportError:
        return False


def until(true: Callable[[], Any], seconds: float = 600) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, f"not within {seconds:g} s"
        time.sleep(0.2)
