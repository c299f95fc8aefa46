"""What one step of work on one project needs: its lease, the database, Label Studio, its folder."""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sqlalchemy.orm import Session

from fishermask_backend.machine.processor import Turns
from fishermask_backend.settings import Settings
from fishermask_backend.state import project_folder
from fishermask_backend.store import Store, leases, projects
from fishermask_backend.store.leases import Lease
from fishermask_backend.store.noted import Progress
from fishermask_backend.store.schema import Project
from fishermask_backend.studio import Studio

log = logging.getLogger(__name__)

PROGRESS_SECONDS = 1.0
WORTH_TELLING = 5.0  # seconds that a round took
WAITS = 0.5  # part of what it could have used of the processor


class _Measured(NamedTuple):
    """From where on a stage's pace is measured: what was done by then, and when."""

    stage: str
    done: int
    at: float


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
    _measured: _Measured | None = None

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

        The time left goes by what this step itself has done of the stage: neither what was done before
        nor the time between two steps counts. Until it has done something, the pace measured last
        holds.

        Args:
            stage: Its name.
            done: Of `total`.
            total: In the unit of `done`.
            expected: Seconds that the stage will take, where nothing is measured yet.
        """
        now = time.time()
        if self._measured is None or self._measured.stage != stage or done <= self._measured.done:
            self._measured = _Measured(stage, done, now)
        if self.silent or (done not in (0, total) and now - self._progress_at < PROGRESS_SECONDS):
            return
        self._progress_at = now
        with self.begin() as session:
            project = projects.get(session, self.project_id)
            before = project.progress
            goes_on = before is not None and before["stage"] == stage and done > 0
            pace = before.get("pace") if before is not None and goes_on else None
            if done > self._measured.done:
                pace = (now - self._measured.at) / (done - self._measured.done)
            eta = expected if pace is None else pace * (total - done)
            shown = Progress(
                stage=stage,
                done=done,
                total=total,
                started=before["started"] if before is not None and goes_on else now,
                at=now,
                eta_seconds=None if eta is None else round(eta, 1),
            )
            project.progress = shown if pace is None else {**shown, "pace": pace}


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

    @property
    def starves(self) -> bool:
        """Whether the round has waited more for the processor than it has computed."""
        return Turns.now().since(self._first_turns).share < WAITS

    def notes(self) -> list[str]:
        """Say for the status that the round waited for the processor, where it did."""
        given, took = Turns.now().since(self._first_turns), sum(self.seconds.values())
        if took < WORTH_TELLING or given.share >= WAITS:
            return []
        return [
            f"Other programs had the processor: in {took:.0f} s the round got {given.used:.0f} s of a "
            f"core, {given.share:.0%} of what it could have used."
        ]
