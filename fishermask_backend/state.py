"""What lies in MODEL_DIR: how each kind of file is called, and writing a file whole.

Names are relative to MODEL_DIR, with `/` between their parts, as the database holds them. What a
restored state consists of is `STATE`; all else lives for as long as a process.
"""

import os
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

FIELD = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Kind:
    """A kind of file, by the form of its name, in which `{…}` are the parts that differ."""

    form: str

    def named(self, **parts: object) -> str:
        """Return the name of the file with these parts."""
        return self.form.format(**parts)

    def pattern(self, **parts: object) -> str:
        """Return the pattern, for `Path.glob`, of the files with these parts, whatever the others."""
        return FIELD.sub(lambda field: str(parts.get(field[1], "*")), self.form)

    def matches(self, name: str) -> bool:
        """Say whether a file of this kind can have that name."""
        # Fixed texts and fields take turns.
        parts = [
            (r"\d+" if part == "project" else r"[\w.-]+") if i % 2 else re.escape(part)
            for i, part in enumerate(FIELD.split(self.form))
        ]
        return re.fullmatch("".join(parts), name, re.ASCII) is not None


PROJECTS = "projects"  # a folder for each

# The state: what backups hold, and `restore` takes.
DATABASE = "fishermask.db"
KEY_FILE = "secret.key"
ROUND = Kind(PROJECTS + "/{project}/round-{what}.safetensors")
INPUTS = Kind(PROJECTS + "/{project}/inputs-{key}.rows")
THUMBNAILS = Kind(PROJECTS + "/{project}/thumbnails")
CACHES = (INPUTS, THUMBNAILS)  # made of images, so they can be made again
STATE = (Kind(DATABASE), Kind(KEY_FILE), ROUND, *CACHES)

# What simulations have embedded, and which image each row is of.
SIMULATED = Kind("simulations/{data}-{key}.rows")

# What lives as long as a process.
WORKERS = "workers"  # a folder: a locked file for each worker
METRICS = "metrics"  # a folder: a file of figures for each web process
FACTORS = Kind("factors.{process}.tmp")
FISHER_JOB = "fisher-job-"  # a folder for each round in several processes
RESTORING = ".restore-"  # a folder while a backup is restored


def project_folder(model_dir: Path, project_id: int) -> Path:
    """Return the folder of a project's weights and inputs."""
    return model_dir / PROJECTS / str(project_id)


def round_weights(project_id: int, number: int, fence: int) -> str:
    """Return the name of a round's classifier.

    It is of one claim: a worker that lost it writes beside, never over.
    """
    return ROUND.named(project=project_id, what=f"{number}.{fence}")


def round_scorer(project_id: int, number: int, fence: int) -> str:
    """Return the name of what places later tasks in a round's order."""
    return ROUND.named(project=project_id, what=f"{number}.{fence}-scorer")


@contextmanager
def whole_file(path: Path, *, private: bool = False, replace: bool = True) -> Iterator[Path]:
    """Write a file whole or not at all: under another name, to the disk, then under its own.

    A reader sees the former file or the whole new one; an error leaves nothing of the new one.

    Args:
        path: The file; its folder is there.
        private: For this user alone: mode 0600.
        replace: A file that is there.

    Yields:
        The draft: an empty file, to be written and closed.

    Raises:
        FileExistsError: There is a file, and it is not to be replaced.
        OSError: The disk is full, or failed; a former file is untouched.
    """
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    os.close(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600 if private else 0o666))
    try:
        yield draft
        _sync(draft)
        if replace:
            draft.replace(path)
        else:
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _sync(path.parent)


def whole_lines(path: Path) -> bytes:
    """Return the lines of a file that only grows; what a killed process left unfinished is cut off."""
    text = path.read_bytes()
    whole = text[: text.rfind(b"\n") + 1]
    if whole != text:
        with path.open("r+b") as file:
            file.truncate(len(whole))
    return whole


def drafts(pattern: str) -> str:
    """Return the pattern of the drafts that `whole_file`'s process left behind when it was killed.

    Args:
        pattern: Of the files' names.
    """
    folder, slash, name = pattern.rpartition("/")
    return f"{folder}{slash}.{name}*"


def _sync(path: Path) -> None:
    """Bring a file, or a folder's names, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
