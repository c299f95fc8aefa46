"""The worker: claims the project that is due, does one step of work on it, and says when next.

A step reads what changed, embeds images for a while, and computes and publishes a round where one is
due. Steps are short except for rounds, so that projects take turns; what is pending is in the
database, so a worker that dies loses nothing but time.
"""

import logging
import math
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, suppress
from functools import cached_property
from typing import NoReturn

from fishermask_backend import embedding, publishing
from fishermask_backend.access import open_studio
from fishermask_backend.allocator import release_memory
from fishermask_backend.backbones import Backbone
from fishermask_backend.connection import check_connection, discover
from fishermask_backend.device import choose_device, gpu_bytes
from fishermask_backend.errors import FisherMaskError, LabelStudioError, LeaseLost, ProjectGone
from fishermask_backend.housekeeping import (
    forget_project,
    keep_cache_limit,
    remove_leftovers,
    remove_strays,
)
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.lifeline import Lifeline, ended
from fishermask_backend.logs import logging_fields
from fishermask_backend.repeating import repeating
from fishermask_backend.round import run_round
from fishermask_backend.schedule import next_look, resting, round_reason, running_low
from fishermask_backend.scoring import score_new_tasks
from fishermask_backend.settings import Settings
from fishermask_backend.shortages import StateUnusable, shortage
from fishermask_backend.store import (
    DatabaseUnavailable,
    Store,
    images,
    leases,
    queues,
    rounds,
)
from fishermask_backend.store.leases import LEASE_SECONDS, Lease
from fishermask_backend.sync import sync
from fishermask_backend.topping_up import topping_up
from fishermask_backend.workspace import Workspace

log = logging.getLogger(__name__)

POLL_SECONDS = 0.3
SEARCH_SECONDS = 600.0
CONNECTION_SECONDS = 60.0  # between looks whether a project still has this backend
OTHERS_SECONDS = 10.0  # for projects where all is quiet, before those where people work come again
LONGEST_PAUSE = 60.0  # between tries while the database does not work


class Worker:
    """Works on projects until told to stop."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store
        try:
            self.lifeline = Lifeline(settings.model_dir)
        except OSError as error:
            raise StateUnusable(settings.model_dir, error) from error
        self.name = self.lifeline.name
        self._search: Iterator[int] = iter(())  # for connected projects that we do not know
        self._searched_at = -math.inf
        self._tidied: set[int] = set()
        self._looked_at: dict[int, float] = {}  # when each project was last seen to be connected
        self._over_limit = False
        self._others_until = -math.inf

    @cached_property
    def backbone(self) -> Backbone:
        """The backbone, loaded at its first use."""
        return Backbone.of(self.settings, choose_device(self.settings.device))

    def run(self) -> NoReturn:
        """Work until a signal raises SystemExit; the step in progress is then abandoned."""
        log.info("worker %s for %s", self.name, self.settings.label_studio_url)
        remove_strays(self.settings)
        with self.store.begin() as session:
            images.retry(session)
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
            told_first = time.monotonic() > self._others_until
            lease = leases.claim(
                session, self.settings.label_studio_url, self.name, told_first=told_first
            )
        if lease is None:
            return False
        try:
            with (
                logging_fields(project=lease.studio_id),
                self._heartbeat(lease),
                open_studio(self.settings, self.store, lease) as studio,
            ):
                due_at = self._step(Workspace(self.settings, self.store, studio, lease))
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
            self._failed(lease, str(error), error.retry_after)
        except FisherMaskError as error:
            self._failed(lease, str(error))
        except Exception as error:  # a bug of ours must not stop the other projects
            told = shortage(error, self.settings)
            if not told:
                log.exception("project %s", lease.studio_id)
            self._failed(lease, told or f"Unexpected {type(error).__name__}: {error}")
        finally:
            if told_first:
                self._others_until = time.monotonic() + OTHERS_SECONDS
        return True

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

    def _failed(self, lease: Lease, error: str, least_wait: float = 0.0) -> None:
        with self.store.begin() as session:
            wait = leases.fail(session, lease, error, least_wait=least_wait)
        log.error("project %s: %s Next try in %.0f s.", lease.studio_id, error, wait)

    def _step(self, work: Workspace) -> float:
        if work.project_id not in self._tidied:
            remove_leftovers(work)
            self._tidied.add(work.project_id)
        if not self._connected(work):
            return next_look(work)
        before = work.project().pass_finished_at
        spec = sync(work)
        more = False
        if resting(work):
            _keep_queue(work, spec)
        else:
            more = self._learn(work, spec)
            self._keep_cache_limit(work)
        if work.project().pass_finished_at != before:
            publishing.reassert(work)
            publishing.tidy(work)
        return time.time() if more else next_look(work)

    def _connected(self, work: Workspace) -> bool:
        now = time.monotonic()
        look = now - self._looked_at.get(work.project_id, -math.inf) > CONNECTION_SECONDS
        if look:
            self._looked_at[work.project_id] = now
        return check_connection(work, look=look)

    def _keep_cache_limit(self, work: Workspace) -> None:
        over = keep_cache_limit(self.settings, self.store, work.project_id)
        if over and not self._over_limit:  # said once, until it holds again
            log.warning("Images of projects in use are %s bytes above CACHE_LIMIT.", over)
        self._over_limit = bool(over)

    def _learn(self, work: Workspace, spec: LabelSpec) -> bool:
        """Embed, compute and publish a round where one is due, score what came since.

        Returns:
            Whether more is to be scored.
        """
        with closing(embedding.open_inputs(work, self.backbone)) as inputs:
            loaded = closing(embedding.open_loader(work.settings, work.studio))
            with topping_up(work, spec), loaded as loader:
                embedding.embed(work, self.backbone, inputs, loader)
            reason = round_reason(work, spec, self.backbone.key)
            if reason:
                log.info("%s: a round begins: %s", work.name, reason)
                if work.project().train_asked_at:
                    publishing.resume(work)
                with topping_up(work, spec):
                    made = run_round(work, spec, self.backbone, inputs)
                publishing.publish(work, spec, made)
                remove_leftovers(work)
                release_memory()
            else:
                _keep_queue(work, spec)
            return score_new_tasks(work, spec, self.backbone, inputs)

    def _heartbeat(self, lease: Lease) -> AbstractContextManager[None]:
        """Keep the lease, and show signs of life, while a long stage computes."""

        def beat() -> None:
            self.lifeline.beat(gpu_bytes())
            with self.store.begin() as session:
                leases.renew(session, lease)

        return repeating("heartbeat", LEASE_SECONDS / 4, beat)


def _keep_queue(work: Workspace, spec: LabelSpec) -> None:
    """Finish a publishing that was cut off, or add to a queue that runs low."""
    with work.store.read() as session:
        latest = rounds.latest(session, work.project_id)
        imported = queues.imported(session, work.project_id)
    if latest is None:
        return
    if imported is not None and imported.round_id == latest.id:
        publishing.activate(work, imported)
    elif latest.state == "computed" or running_low(work):
        publishing.publish(work, spec, latest)
