"""What one step of work on one project needs: its lease, the database, Label Studio, its folder."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from fishermask_backend.machine.processor import Turns
from fishermask_backend.settings import Settings
from fishermask_backend.state import project_folder
from fishermask_backend.store import Store, leases, projects
from fishermask_backend.store.leases import Lease
from fishermask_backend.store.schema import Progress, Project
from fishermask_backend.studio import Studio

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0
WORTH_TELLING = 5.0  # seconds that a round took
WAITS = 0.5  # part of what it could have used of the processor


@dataclass
class Work:
    """One step's surroundings. Everything written through `begin` is fenced by the lease."""

    settings: Settings
    store: Store
    studio: Studio
    lease: Lease
    began: float = field(default_factory=time.time)
    has_read: bool = False  # what is new in Label Studio
    silent: bool = False  # beside a round, whose progress is the one to show
    _progress_at: float = 0.0

    @property
    def project_id(self) -> int:
        """The project's number in the database."""
        return self.lease.project_id

    @property
    def name(self) -> str:
        """The project as log lines name it: by its id in Label Studio."""
        return f"project {self.lease.studio_id}"

    @property
    def folder(self) -> Path:
        """Where the project's weights and inputs lie."""
        return project_folder(self.settings.model_dir, self.project_id)

    @contextmanager
    def begin(self) -> Iterator[Session]:
        """Open a transaction that fails, whole, if another worker has claimed the project.

        Raises:
            LeaseLost: Another worker has.
        """
        with self.store.begin() as session:
            leases.renew(session, self.lease)
            yield session

    def note_read(self) -> None:
        """Note that what is new in Label Studio is read; an error of reading it is of the past."""
        self.has_read = True
        if self.project().error:
            with self.begin() as session:
                leases.has_read(session, self.lease)

    def project(self) -> Project:
        """Return the project as the database has it now."""
        with self.store.read() as session:
            return projects.get(session, self.project_id)

    def progress(self, stage: str, done: int, total: int, *, expected: float | None = None) -> None:
        """Show in the status how far the work is: once a second, and at a stage's ends.

        Args:
            stage: Its name.
            done: Of `total`.
            total: In the unit of `done`.
            expected: Seconds that the stage will take, for one that does not count as it goes.
        """
        now = time.time()
        if self.silent or (done not in (0, total) and now - self._progress_at < PROGRESS_SECONDS):
            return
        self._progress_at = now
        with self.begin() as session:
            project = projects.get(session, self.project_id)
            before = project.progress
            started = before["started"] if before and before["stage"] == stage else now
            eta = (now - started) / done * (total - done) if done else expected
            project.progress = Progress(
                stage=stage,
                done=done,
                total=total,
                started=started,
                at=now,
                eta_seconds=None if eta is None else round(eta, 1),
            )


@dataclass
class Stopwatch:
    """Seconds each stage of a project's round took; a line in the log for each."""

    project: str
    round: int = 0
    seconds: dict[str, float] = field(default_factory=dict)
    _last: float = field(default_factory=time.monotonic)
    _first_turns: Turns = field(default_factory=Turns.now)

    def lap(self, stage: str) -> None:
        """End a stage."""
        now = time.monotonic()
        took = self.seconds[stage] = round(now - self._last, 3)
        self._last = now
        fields = {"round": self.round, "stage": stage, "seconds": took}
        log.info("%s: round %s: %s took %.1f s", self.project, *fields.values(), extra=fields)

    def notes(self) -> list[str]:
        """Say for the status that the round waited for the processor, where it did."""
        given, took = Turns.now().since(self._first_turns), sum(self.seconds.values())
        if took < WORTH_TELLING or given.share > WAITS:
            return []
        return [
            f"Other programs had the processor: in {took:.0f} s the round got {given.used:.0f} s of a "
            f"core, {given.share:.0%} of what it could have used."
        ]
