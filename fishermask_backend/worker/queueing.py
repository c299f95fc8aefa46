"""How long a queue is, when it runs low, and filling it.

A queue has `QUEUE_SIZE` tasks (`settings.queue_size`), or more where several people label: it must
outlast the time until the worker has looked at it again and added to it.
"""

import logging
import math

from fishermask_backend.labeling import LabelSpec
from fishermask_backend.learning.audit import Draw
from fishermask_backend.store import pool, projects, queues, rounds, serving
from fishermask_backend.store.schema import Round
from fishermask_backend.worker import publishing, served_order
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

# From a look at the queue until more tasks are in it, on a quiet machine and on a busy one.
TOP_UP_SECONDS, LONGEST_TOP_UP_SECONDS = 20.0, 120.0
LONGEST_QUEUE = 1000  # what the settings allow for, too


def candidates(work: Work, source: Round) -> list[int]:
    """Return the tasks of a round that Label Studio would still serve, in the round's order."""
    with work.store.read() as session:
        project = projects.get(session, work.project_id)
        annotators = serving.recent_annotators(session, project.id)
        ordered = rounds.order(session, source.id)
        tasks = pool.tasks_by_id(session, project.id, ordered)
    return [
        task_id
        for task_id in ordered
        if task_id in tasks and serving.servable(tasks[task_id], project.skip_queue, annotators)
    ]


def wanted_size(work: Work) -> int:
    """Return how many tasks the next queue is to have."""
    return max(work.settings.queue_size, min(2 * _taken_meanwhile(work), LONGEST_QUEUE))


def least_left(work: Work) -> int:
    """Return how many tasks a queue must have left, or it may be dry before more are added."""
    return max(work.settings.batch_size, _taken_meanwhile(work))


def _taken_meanwhile(work: Work) -> int:
    """Return how many tasks several people take before more can be added; 0 for one person alone.

    What they have open is locked for each other, and Label Studio tells whoever finds nothing else in
    the queue that the project is done. A worker that is slow to make rounds, for the machine or for
    other projects' turns, is as slow to add tasks.
    """
    with work.store.read() as session:
        people, pace = queues.pace(session, work.project_id)
        turn = rounds.serving_seconds(session, work.project_id)
    seconds = min(max(turn, TOP_UP_SECONDS), LONGEST_TOP_UP_SECONDS)
    return people + math.ceil(pace * seconds) if people > 1 else 0


def running_low(work: Work) -> bool:
    """Say whether the active queue may soon be dry while other tasks wait."""
    with work.store.read() as session:
        source = rounds.active(session, work.project_id)
        if source is None:
            return False
        left = queues.left(session, projects.get(session, work.project_id))
    if len(left) >= least_left(work):
        return False
    return not left.issuperset(candidates(work, source))


def lost(work: Work) -> bool:
    """Say whether tasks of the active queue have lost their place in Label Studio.

    *Delete Predictions* in the Data Manager takes it from those selected, and tells nobody.
    """
    with work.store.read() as session:
        queue = queues.active(session, work.project_id)
        project = projects.get(session, work.project_id)
        left = queues.left(session, project)
    if queue is None or not left:
        return False
    held = work.studio.count_predicted(project.studio_id, sorted(left), queue.version)
    if held == len(left):
        return False
    log.warning(
        "%s: %s of the %s predictions of %s that are still to be labelled were deleted in Label "
        "Studio; another queue follows.",
        work.name, len(left) - held, len(left), queue.version,
    )  # fmt: skip
    return True


def fill(work: Work, spec: LabelSpec, source: Round) -> None:
    """Make Label Studio serve the next queue of a round, a share of which is drawn at random.

    Raises:
        LabelStudioError: See `publishing.publish`.
    """
    draw = Draw(work.settings.audited, work.settings.seed, source.number)
    queue, drawn = draw.mixed(candidates(work, source), wanted_size(work))
    publishing.publish(work, spec, source, queue, set(drawn))


def top_up(work: Work, spec: LabelSpec) -> None:
    """Add tasks of the round that serves to a queue that runs low.

    Raises:
        LabelStudioError: See `publishing.publish`.
    """
    with work.store.read() as session:
        source = rounds.active(session, work.project_id)
    if source is not None and running_low(work):
        fill(work, spec, source)


def keep_filled(work: Work, spec: LabelSpec, *, look: bool = False) -> None:
    """Finish the newest round's publishing if it was cut off, or add to a queue that runs low.

    Args:
        work: The step's surroundings.
        spec: What is learned.
        look: Ask Label Studio whether it still has the queue, and publish another if not.

    Raises:
        LabelStudioError: See `publishing.publish`.
    """
    with work.store.read() as session:
        latest = rounds.latest(session, work.project_id)
        imported = queues.imported(session, work.project_id)
    if latest is None:
        return
    if imported is not None and imported.round_id == latest.id:
        served_order.activate(work, imported)
    elif latest.state == "computed" or running_low(work) or (look and lost(work)):
        fill(work, spec, latest)
