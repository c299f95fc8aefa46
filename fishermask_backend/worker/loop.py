"""The worker's loop: it claims the project that is due, has a step done on it, and notes when next.

What a step is does not matter here (`step.py`): it ends, or fails, or is cut off.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import Any, NoReturn

from fishermask_backend.errors import FisherMaskError, LabelStudioError, LeaseLost, ProjectGone
from fishermask_backend.logs import logging_fields
from fishermask_backend.machine.device import gpu_bytes
from fishermask_backend.machine.lifeline import Lifeline, ended
from fishermask_backend.project_settings import settings_of
from fishermask_backend.settings import Settings
from fishermask_backend.store import DatabaseUnavailable, Store, embedding_queue, leases, projects
from fishermask_backend.store.leases import LEASE_SECONDS, Lease
from fishermask_backend.worker.access import open_studio
from fishermask_backend.worker.connection import discover
from fishermask_backend.worker.housekeeping import forget_project, remove_strays
from fishermask_backend.worker.repeating import repeating
from fishermask_backend.worker.shortages import StateUnusable, shortage
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

POLL_SECONDS = 0.3
SEARCH_SECONDS = 600.0
OTHERS_SECONDS = 10.0  # for projects where all is quiet, before those where people work come again
LONGEST_PAUSE = 60.0  # between tries while the database does not work


Step = Callable[[Work], float]


class Worker:
    """Works on projects until told to stop.

    Args:
        settings: Which Label Studio's projects; where the state is.
        store: The database.
        step: What is done for a project; returns when it is due again if nothing is told before.

    Raises:
        StateUnusable: MODEL_DIR cannot be written.
    """

    def __init__(self, settings: Settings, store: Store, step: Step) -> None:
        self.settings, self.store, self.step = settings, store, step
        try:
            self.lifeline = Lifeline(settings.model_dir)
        except OSError as error:
            raise StateUnusable(settings.model_dir, error) from error
        self.name = self.lifeline.name
        self._search: Iterator[int] = iter(())  # for connected projects that we do not know
        self._searched_at = -math.inf
        self._others_until = -math.inf

    def run(self) -> NoReturn:
        """Work until a signal raises SystemExit; the step in progress is then abandoned."""
        log.info("worker %s for %s", self.name, self.settings.label_studio_url)
        remove_strays(self.settings)
        with self.store.begin() as session:
            embedding_queue.retry(session)
            leases.try_again(session, self.settings.label_studio_url)
        pause = POLL_SECONDS
        while True:
            self.lifeline.beat(gpu_bytes())
            try:
                self._search_on()
                idle, pause = not self.work_once(), POLL_SECONDS
            except DatabaseUnavailable as error:
                idle, pause = True, min(LONGEST_PAUSE, 2 * pause)
                log.error("%s Next try in %.0f s.", error, pause)  # noqa: TRY400
            if idle:
                time.sleep(pause)

    def _search_on(self) -> None:
        """Ask Label Studio about one more project, now and then about all of them again."""
        done = next(self._search, None) is None
        if done and time.monotonic() - self._searched_at > SEARCH_SECONDS:
            self._searched_at = time.monotonic()
            self._search = discover(self.settings, self.store)

    def work_once(self) -> bool:
        """Do one step for the project that has been due longest; False if none is due.

        Raises:
            DatabaseUnavailable: Nothing could be done, or its end not be noted.
        """
        self._take_over()
        with self.store.begin() as session:
            busy_first = time.monotonic() > self._others_until
            lease = leases.claim(
                session, self.settings.label_studio_url, self.name, busy_first=busy_first
            )
        if lease is None:
            return False
        work = None
        try:
            with (
                logging_fields(project=lease.studio_id),
                self._heartbeat(lease),
                open_studio(self.settings, self.store, lease) as studio,
            ):
                settings = settings_of(self.settings, self._params(lease))
                work = Work(settings, self.store, studio, lease)
                due_at = self.step(work)
            with self.store.begin() as session:
                leases.release(session, lease, due_at=due_at)
        except SystemExit:
            with suppress(DatabaseUnavailable), self.store.begin() as session:
                leases.abandon(session, lease)
            raise
        except LeaseLost as error:
            log.warning("%s", error)
        except ProjectGone as error:
            log.info("%s What was kept of it is removed.", error)
            forget_project(self.settings, self.store, lease.project_id)
        except LabelStudioError as error:
            self._failed(lease, work, str(error), error.retry_after)
        except FisherMaskError as error:
            self._failed(lease, work, str(error))
        except Exception as error:  # a bug of ours must not stop the other projects
            told = shortage(error, self.settings)
            if not told:
                log.exception("project %s", lease.studio_id)
            self._failed(lease, work, told or f"Unexpected {type(error).__name__}: {error}")
        finally:
            if busy_first:
                self._others_until = time.monotonic() + OTHERS_SECONDS
        return True

    def _params(self, lease: Lease) -> dict[str, Any] | None:
        with self.store.read() as session:
            return projects.get(session, lease.project_id).params

    def _take_over(self) -> None:
        """Free at once what workers of this machine held when they were killed."""
        gone = ended(self.settings.model_dir)
        if not gone:
            return
        with self.store.begin() as session:
            told = leases.take_over(session, gone)
        for studio_id, error in told:
            log.warning("project %s: %s", studio_id, error)
        self.lifeline.forget(gone)

    def _failed(self, lease: Lease, work: Work | None, error: str, least_wait: float = 0.0) -> None:
        reading = work is None or not work.has_read
        with self.store.begin() as session:
            wait = leases.fail(session, lease, error, least_wait=least_wait, reading=reading)
        log.error("project %s: %s Next try in %.0f s.", lease.studio_id, error, wait)

    def _heartbeat(self, lease: Lease) -> AbstractContextManager[None]:
        """Keep the lease, and show signs of life, while a long stage computes."""

        def beat() -> None:
            self.lifeline.beat(gpu_bytes())
            with self.store.begin() as session:
                leases.renew(session, lease)

        return repeating("heartbeat", LEASE_SECONDS / 4, beat)
