"""A worker's sign of life: a locked file, which the system unlocks however the worker ends.

A lease alone tells a dead worker from a busy one only after it has run out. On one machine the
lock tells it at once, also across containers that share MODEL_DIR and a host name. It decides no
more than whose lease may be claimed early: what keeps two writers apart is the lease's fence.
"""

import fcntl
import os
import secrets
import socket
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from fishermask_backend.machine.locks import locked
from fishermask_backend.state import WORKERS

BEAT_SECONDS = 5.0
SILENT_SECONDS = 60.0  # a worker that lives shows it every fifteen
FORGOTTEN_SECONDS = 86_400.0  # silent for so long, a machine or container will not come back


@dataclass(frozen=True)
class Sign:
    """When a worker last showed that it lives (seconds since 1970), and the bytes its GPUs hold."""

    name: str
    seen_at: float
    gpu_bytes: int


def last_sign(model_dir: Path) -> Sign | None:
    """Return the newest sign of life of any worker; None if there never was one."""
    signs = []
    for path in (model_dir / WORKERS).glob("*@*"):
        with suppress(FileNotFoundError):  # forgotten just now
            signs.append(Sign(path.name, path.stat().st_mtime, int(path.read_bytes() or 0)))
    return max(signs, key=lambda sign: sign.seen_at, default=None)


@dataclass(frozen=True)
class Health:
    """Whether a worker lives, and what a person is told of it."""

    lives: bool
    told: str


def health(model_dir: Path) -> Health:
    """Say whether a worker lives, by the newest sign of life, and what to do if none does."""
    sign = last_sign(model_dir)
    if sign is None:
        how = f"none has ever run with MODEL_DIR={model_dir.resolve()}"
        return Health(False, f"{how}: start `fishermask worker` with the web server's settings")
    seen = f"last seen {max(0.0, time.time() - sign.seen_at):.0f} s ago"
    if time.time() - sign.seen_at > SILENT_SECONDS:
        return Health(False, f"{seen}: start it; if it was started, its log says why it ended")
    return Health(True, f"lives, {seen}")


class Lifeline:
    """Held by a worker from its start until its process ends.

    Args:
        model_dir: `MODEL_DIR`, which workers of one database share.

    Attributes:
        name: The worker's: `<process id>-<random>@<host>`.

    Raises:
        OSError: MODEL_DIR cannot be written.
    """

    def __init__(self, model_dir: Path) -> None:
        self._folder = model_dir / WORKERS
        self._folder.mkdir(parents=True, exist_ok=True)
        self.name = f"{os.getpid()}-{secrets.token_hex(4)}@{socket.gethostname()}"
        with locked(self._folder, wait=True):  # or somebody could find the file before it is locked
            self._file = (self._folder / self.name).open("wb")
            fcntl.flock(self._file, fcntl.LOCK_EX)
        self._beat_at = float("-inf")

    def beat(self, gpu_bytes: int) -> None:
        """Show that the worker lives; every few seconds, however often it is called."""
        if time.monotonic() - self._beat_at < BEAT_SECONDS:
            return
        self._beat_at = time.monotonic()
        with suppress(OSError):  # a full disk: what needs it will say so
            os.pwrite(self._file.fileno(), b"%020d" % gpu_bytes, 0)

    def forget(self, names: Iterable[str]) -> None:
        """Remove the files of workers that have ended."""
        for name in names:
            (self._folder / name).unlink(missing_ok=True)


def remove_silent(model_dir: Path) -> None:
    """Remove the files of workers not heard of for a day, wherever they ran."""
    for path in (model_dir / WORKERS).glob("*@*"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime > FORGOTTEN_SECONDS:
                path.unlink()


def living(model_dir: Path) -> list[str]:
    """Return the names of the workers whose processes run on this machine."""
    return sorted(path.name for path in (model_dir / WORKERS).glob("*@*") if _locked(path))


def ended(model_dir: Path) -> list[str]:
    """Return the names of this machine's workers whose processes have ended, until `forget`."""
    folder = model_dir / WORKERS
    if not folder.is_dir():
        return []
    with locked(folder, wait=True):
        files = list(folder.glob(f"*@{socket.gethostname()}"))
        return sorted(path.name for path in files if not _locked(path))


def _locked(path: Path) -> bool:
    try:
        with locked(path, wait=False):
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:  # forgotten by another worker just now
        return True
