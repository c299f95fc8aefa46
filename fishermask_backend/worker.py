"""The worker: claims the project that is due, does one step of work on it, and says when next.

A step reads what changed, embeds images for a while, and computes and publishes a round where one is
due. Steps are short except for rounds, so that projects take turns; what is pending is in the
database, so a worker that dies loses nothing but time.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cached_property
from typing import NoReturn

from fishermask_backend import embedding, publishing
from fishermask_backend.access import open_studio
from fishermask_backend.backbones import Backbone, load_backbone
from fishermask_backend.connection import check_connection, discover
from fishermask_backend.device import choose_device
from fishermask_backend.errors import FisherMaskError, LeaseLost, ProjectGone
from fishermask_backend.housekeeping import forget_project, remove_leftovers
from fishermask_backend.images import ImageLoader
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.round import run_round
from fishermask_backend.schedule import next_look, round_reason, running_low
from fishermask_backend.scoring import score_new_tasks
from fishermask_backend.settings import Settings
from fishermask_backend.store import Store, pool, projects, rounds
from fishermask_backend.store.projects import LEASE_SECONDS, Lease
from fishermask_backend.sync import sync
from fishermask_backend.workspace import Workspace

log = logging.getLogger(__name__)

POLL_SECONDS = 0.3
DISCOVER_SECONDS = 600.0


class Worker:
    """Works on projects until told to stop."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings, self.store = settings, store
        self.name = f"{socket.gethostname()}/{os.getpid()}"
        self._discovered_at = float("-inf")

    @cached_property
    def backbone(self) -> Backbone:
        """The backbone, loaded at its first use."""
        return load_backbone(
            self.settings.backbone,
            train=self.settings.train,
            image_size=self.settings.image_size,
            weights=self.settings.backbone_weights,
            device=choose_device(self.settings.device),
        )

    def run(self) -> NoReturn:
        """Work until a signal raises SystemExit; the step in progress is then abandoned."""
        log.info("worker %s for %s", self.name, self.settings.label_studio_url)
        with self.store.begin() as session:
            pool.retry_images(session)
        while True:
            if time.monotonic() - self._discovered_at > DISCOVER_SECONDS:
                self._discovered_at = time.monotonic()
                discover(self.settings, self.store)
            if not self.work_once():
                time.sleep(POLL_SECONDS)

    def work_once(self) -> bool:
        """Do one step for the project that has been due longest; False if none is due."""
        with self.store.begin() as session:
            lease = projects.claim(session, self.settings.label_studio_url, self.name)
        if lease is None:
            return False
        try:
            with self._heartbeat(lease), open_studio(self.settings, self.store, lease) as studio:
                due_at = self._step(Workspace(self.settings, self.store, studio, lease))
            with self.store.begin() as session:
                projects.release(session, lease, due_at=due_at)
        except SystemExit:
            with self.store.begin() as session:
                projects.abandon(session, lease)
            raise
        except LeaseLost as error:
            log.warning("%s", error)
        except ProjectGone as error:
            log.info("%s What was kept of it is removed.", error)
            forget_project(self.settings, self.store, lease.project_id)
        except FisherMaskError as error:
            self._failed(lease, str(error))
        except Exception as error:  # a bug of ours must not stop the other projects
            log.exception("project %s", lease.studio_id)
            self._failed(lease, f"Unexpected {type(error).__name__}: {error}")
        return True

    def _failed(self, lease: Lease, error: str) -> None:
        with self.store.begin() as session:
            wait = projects.fail(session, lease, error)
        log.error("project %s: %s Next try in %.0f s.", lease.studio_id, error, wait)

    def _step(self, work: Workspace) -> float:
        if not check_connection(work):
            return next_look(work)
        before = work.project().pass_finished_at
        spec = sync(work)
        with closing(embedding.open_inputs(work, self.backbone)) as inputs:
            with closing(self._loader(work)) as loader:
                embedding.embed(work, self.backbone, inputs, loader)
            reason = round_reason(work, spec, self.backbone.key)
            if reason:
                log.info("%s: a round begins: %s", work.name, reason)
                if work.project().train_asked_at:
                    publishing.resume(work)
                made = run_round(work, spec, self.backbone, inputs)
                publishing.publish(work, spec, made)
                remove_leftovers(work)
            else:
                _keep_queue(work, spec)
            more = score_new_tasks(work, spec, self.backbone, inputs)
        if work.project().pass_finished_at != before:
            publishing.reassert(work)
            publishing.tidy(work)
        return time.time() if more else next_look(work)

    def _loader(self, work: Workspace) -> ImageLoader:
        settings = self.settings
        return ImageLoader(
            label_studio_url=settings.label_studio_url,
            authorization=work.studio.authorization,
            image_size=settings.image_size,
            allowed_hosts=settings.allowed_image_hosts,
            max_bytes=settings.max_image_bytes,
            max_pixels=settings.max_image_pixels,
            timeout=settings.image_timeout,
        )

    @contextmanager
    def _heartbeat(self, lease: Lease) -> Iterator[None]:
        """Keep the lease while a long stage computes."""
        over = threading.Event()

        def beat() -> None:
            while not over.wait(LEASE_SECONDS / 4):
                try:
                    with self.store.begin() as session:
                        projects.renew(session, lease)
                except LeaseLost:
                    return  # the step finds out at its next write

        thread = threading.Thread(target=beat, name="heartbeat", daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _keep_queue(work: Workspace, spec: LabelSpec) -> None:
    """Finish a publishing that was cut off, or add to a queue that runs low."""
    with work.store.read() as session:
        latest = rounds.latest(session, work.project_id)
        imported = rounds.imported_queue(session, work.project_id)
    if latest is None:
        return
    if imported is not None and imported.round_id == latest.id:
        publishing.activate(work, imported)
    elif latest.state == "computed" or running_low(work):
        publishing.publish(work, spec, latest)
