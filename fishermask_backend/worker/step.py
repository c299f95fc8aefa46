"""The step: what is done for a project when its turn has come.

A step reads what changed, embeds images for a while, and computes and publishes a round where one is
due. Steps are short except for rounds, so that projects take turns; what is pending is in the
database, so a worker that dies in one loses nothing but time.
"""

import logging
import math
import time
from contextlib import closing
from functools import cached_property

from fishermask_backend.labeling import LabelSpec
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.inputs import RowStore
from fishermask_backend.machine.allocator import release_memory
from fishermask_backend.machine.device import choose_device
from fishermask_backend.settings import Settings
from fishermask_backend.worker import embedding, publishing
from fishermask_backend.worker.connection import keep_connected
from fishermask_backend.worker.housekeeping import keep_cache_limit, remove_leftovers
from fishermask_backend.worker.moving import AGAIN_SECONDS, Knocks, is_taken_over
from fishermask_backend.worker.queueing import fill, keep_filled
from fishermask_backend.worker.round import run_round
from fishermask_backend.worker.schedule import next_look, resting, round_reason
from fishermask_backend.worker.scoring import score_new_tasks
from fishermask_backend.worker.sync import sync
from fishermask_backend.worker.topping_up import topping_up
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

CONNECTION_SECONDS = 60.0  # between looks whether a project still has this backend


class Memory:
    """What a worker keeps from one step to the next; it may be lost at any time.

    Attributes:
        tidied: Projects whose leftovers of an earlier worker are removed.
        knocks: For projects that are here from another address.
        looked_at: When each project was last seen to be connected, by the monotonic clock.
        over_limit: Whether it was said that `CACHE_LIMIT` does not hold: once, until it holds again.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self.tidied: set[int] = set()
        self.knocks = Knocks()
        self.looked_at: dict[int, float] = {}
        self.over_limit = False

    @cached_property
    def backbone(self) -> Backbone:
        """The backbone, loaded at its first use."""
        return Backbone.of(self._settings, choose_device(self._settings.device))


def do_step(work: Work, memory: Memory) -> float:
    """Do what is due for a project: look, sync, embed, make a round, publish, score.

    Returns:
        When the project is due again if nothing is told before.

    Raises:
        LeaseLost: Another worker has claimed the project.
        ProjectGone: It has been deleted.
        FisherMaskError: What has failed, and what a person can do.
    """
    moved = is_taken_over(work, memory.knocks)
    if moved is not False:
        return time.time() + AGAIN_SECONDS
    if work.project_id not in memory.tidied:
        remove_leftovers(work)
        memory.tidied.add(work.project_id)
    if not _connected(work, memory):
        return next_look(work)
    read_at = work.project().pass_finished_at
    spec = sync(work)
    if resting(work):
        keep_filled(work, spec)
        more = False
    else:
        with closing(embedding.open_inputs(work, memory.backbone)) as inputs:
            _embed(work, spec, memory.backbone, inputs)
            _make_round_if_due(work, spec, memory.backbone, inputs)
            more = score_new_tasks(work, spec, memory.backbone, inputs)
        _keep_cache_limit(work, memory)
    if work.project().pass_finished_at != read_at:
        publishing.reassert(work)
        publishing.tidy(work)
    return time.time() if more else next_look(work)


def _connected(work: Work, memory: Memory) -> bool:
    now = time.monotonic()
    look = now - memory.looked_at.get(work.project_id, -math.inf) > CONNECTION_SECONDS
    if look:
        memory.looked_at[work.project_id] = now
    return keep_connected(work, look=look)


def _embed(work: Work, spec: LabelSpec, backbone: Backbone, inputs: RowStore) -> None:
    loaded = closing(embedding.open_loader(work.settings, work.studio))
    with topping_up(work, spec), loaded as loader:
        embedding.embed(work, backbone, inputs, loader)


def _make_round_if_due(work: Work, spec: LabelSpec, backbone: Backbone, inputs: RowStore) -> None:
    """Compute and publish a round where one is due; else see to the queue."""
    reason = round_reason(work, spec, backbone.key)
    if not reason:
        keep_filled(work, spec)
        return
    log.info("%s: a round begins: %s", work.name, reason)
    if work.project().train_asked_at:
        publishing.resume(work)
    with topping_up(work, spec):
        made = run_round(work, spec, backbone, inputs)
    fill(work, spec, made)
    remove_leftovers(work)
    release_memory()


def _keep_cache_limit(work: Work, memory: Memory) -> None:
    over = keep_cache_limit(work.settings, work.store, work.project_id)
    if over and not memory.over_limit:
        log.warning("Images of projects in use are %s bytes above CACHE_LIMIT.", over)
    memory.over_limit = bool(over)
