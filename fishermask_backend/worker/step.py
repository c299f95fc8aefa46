"""The step: what is done for a project when its turn has come.

A step reads what changed, embeds images for a while, and computes and publishes a round where one is
due. Steps are short except for rounds, so that projects take turns; what is pending is in the
database, so a worker that dies in one loses nothing but time.
"""

import logging
import math
import time
from collections import OrderedDict
from contextlib import closing

from fishermask_backend.labeling import LabelSpec
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.inputs import RowStore
from fishermask_backend.machine.allocator import release_memory
from fishermask_backend.machine.device import choose_device
from fishermask_backend.settings import Settings
from fishermask_backend.store import queues
from fishermask_backend.store.schema import Queue
from fishermask_backend.studio import StudioProject
from fishermask_backend.worker import embedding, publishing, served_order
from fishermask_backend.worker.auditing import audit_round
from fishermask_backend.worker.connection import keep_connected
from fishermask_backend.worker.doubting import doubt_round
from fishermask_backend.worker.housekeeping import keep_cache_limit, remove_leftovers
from fishermask_backend.worker.moving import AGAIN_SECONDS, Knocks, is_taken_over
from fishermask_backend.worker.queueing import fill, keep_filled
from fishermask_backend.worker.round import run_round
from fishermask_backend.worker.schedule import POOL_GREW, next_look, resting, round_due
from fishermask_backend.worker.scoring import Loaded, score_new_tasks
from fishermask_backend.worker.starving import not_starving
from fishermask_backend.worker.sync import sync
from fishermask_backend.worker.topping_up import topping_up
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

CONNECTION_SECONDS = 60.0  # between looks whether a project still has this backend
BACKBONES = 3  # kept: projects may have different ones
QUEUE_SECONDS = 15.0  # between looks whether Label Studio still has its queue


# Sampling, version, whether it is shown; our queue; whether the order is wanted back.
SeenOrder = tuple[str, str, bool, str, bool]


class Memory:
    """What a worker keeps from one step to the next; it may be lost at any time.

    Attributes:
        tidied: Projects whose leftovers of an earlier worker are removed.
        knocks: For projects that are here from another address.
        looked_at: When it was last looked, by the monotonic clock: at what, of which project.
        orders: The order in which each project was last seen to be served, and by which queue, unless
            it had to be set.
        illustrated: The queue of each project of which all were seen to have thumbnails, or cannot.
        over_limit: Whether it was said that `CACHE_LIMIT` does not hold: once, until it holds again.
        loaded: What the last new tasks were scored with.
    """

    def __init__(self) -> None:
        self._backbones: OrderedDict[tuple[object, ...], Backbone] = OrderedDict()
        self.tidied: set[int] = set()
        self.knocks = Knocks()
        self.looked_at: dict[tuple[str, int], float] = {}
        self.orders: dict[int, SeenOrder | None] = {}
        self.illustrated: dict[int, str] = {}
        self.over_limit = False
        self.loaded = Loaded()

    def look_due(self, what: str, project_id: int, seconds: float) -> bool:
        """Say whether so much time has passed since this last was true; then it starts again."""
        now, key = time.monotonic(), (what, project_id)
        due = now - self.looked_at.get(key, -math.inf) >= seconds
        if due:
            self.looked_at[key] = now
        return due

    def backbone(self, settings: Settings) -> Backbone:
        """Return the backbone that a project's settings name, loaded at its first use.

        The `BACKBONES` used last are kept, hundreds of megabytes each as a rule.
        """
        names = ("backbone", "backbone_weights", "train", "image_size", "device")
        key = tuple(getattr(settings, name) for name in names)
        if key not in self._backbones:
            while len(self._backbones) >= BACKBONES:
                self._backbones.popitem(last=False)
            self._backbones[key] = Backbone.of(settings, choose_device(settings.device))
        self._backbones.move_to_end(key)
        return self._backbones[key]


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
    params = work.project().params
    if not _connected(work, memory):
        return next_look(work)
    if work.project().params != params:
        return time.time()  # the next step has the settings that were just read
    read_at = work.project().pass_finished_at
    remote, spec = sync(work)
    work.note_read()
    _keep_order(work, remote, memory)
    look = memory.look_due("queue", work.project_id, QUEUE_SECONDS)
    if resting(work):
        keep_filled(work, spec, look=look)
        more = False
    else:
        backbone = memory.backbone(work.settings)
        inputs_of = closing(embedding.open_inputs(work, backbone))
        with not_starving(), inputs_of as inputs:
            _embed(work, spec, backbone, inputs, memory)
            if not _make_round_if_due(work, spec, backbone, inputs, memory):
                keep_filled(work, spec, look=look)
            more = score_new_tasks(work, backbone, inputs, memory.loaded)
        _keep_cache_limit(work, memory)
    if work.project().pass_finished_at != read_at:
        publishing.tidy(work)
    return time.time() if more else next_look(work)


def _connected(work: Work, memory: Memory) -> bool:
    look = memory.look_due("connection", work.project_id, CONNECTION_SECONDS)
    return keep_connected(work, look=look)


def _keep_order(work: Work, remote: StudioProject, memory: Memory) -> None:
    """See whether the project is still served as we have set it; nothing to ask where it is."""
    queue = _queue(work)
    version = queue.version if queue else ""
    wanted_back = served_order.wanted_back(work.project())
    seen = (remote.sampling, remote.model_version, remote.shows_predictions, version, wanted_back)
    if memory.orders.get(work.project_id) != seen:
        settled = served_order.keep(work, remote)
        memory.orders[work.project_id] = seen if settled else None


def _queue(work: Work) -> Queue | None:
    with work.store.read() as session:
        return queues.active(session, work.project_id)


def _embed(
    work: Work, spec: LabelSpec, backbone: Backbone, inputs: RowStore, memory: Memory
) -> None:
    loaded = closing(
        embedding.open_loader(
            work.settings, work.studio, backbone.image_size, backbone.interpolation
        )
    )
    with topping_up(work, spec), loaded as loader:
        embedding.embed(work, backbone, inputs, loader)
        queue = _queue(work)
        if queue is not None and memory.illustrated.get(work.project_id) != queue.version:
            memory.illustrated[work.project_id] = queue.version
            embedding.illustrate(work, loader, queue.task_ids)


def _make_round_if_due(
    work: Work, spec: LabelSpec, backbone: Backbone, inputs: RowStore, memory: Memory
) -> bool:
    """Compute and publish a round where one is due; say whether it was."""
    due = round_due(work, spec, backbone.key)
    if due is None:
        return False
    log.info("%s: a round begins: %s", work.name, due.reason)
    memory.loaded.forget()  # the round needs the memory, and brings its own
    if work.project().train_asked_at:
        served_order.agree(work)
    with topping_up(work, spec):
        learn = due.reason != POOL_GREW
        made = run_round(work, spec, backbone, inputs, learn=learn, since=due.since)
    fill(work, spec, made)
    with topping_up(work, spec):
        audit_round(work, backbone, inputs, made)
        doubt_round(work, backbone, inputs, made)
    remove_leftovers(work)
    release_memory()
    return True


def _keep_cache_limit(work: Work, memory: Memory) -> None:
    over = keep_cache_limit(work.settings, work.store, work.project_id)
    if over and not memory.over_limit:
        log.warning("Images of projects in use are %s bytes above CACHE_LIMIT.", over)
    memory.over_limit = bool(over)
