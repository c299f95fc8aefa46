"""When there is something to do for a project."""

import time
from typing import NamedTuple

from fishermask_backend.labeling import LabelSpec
from fishermask_backend.settings import Settings
from fishermask_backend.store import by_control, embedding_queue, pool, projects, rounds, serving
from fishermask_backend.store.schema import COLD_START
from fishermask_backend.worker.work import Work

FIRST_QUEUE_SECONDS = 40.0  # the first queue comes from what is embedded by then
LOOK_AGAIN_SECONDS = 60.0  # between looks for changes that no event told of: two requests
NOT_CONNECTED_SECONDS = 1.0  # between looks while Label Studio is still saving the connection
MOST_PATIENCE = 5  # times QUIET_SECONDS that very few labels wait for more
GROWTH, LAST_GROWTH = 2.0, 1.2  # of the pool since the first queue: while it grows, and at its end
POOL_GREW = "the pool has grown since the first queue"
IDLE_SECONDS = 3600.0  # without a label: then a project's rows may go for others'


def resting(work: Work) -> bool:
    """Say whether the project's rows were dropped for `CACHE_LIMIT` and nobody has worked since.

    Its round goes on serving; its images are not embedded again before somebody labels, asks for
    training or opens a task that has no score.
    """
    with work.store.read() as session:
        project = projects.get(session, work.project_id)
        return (
            project.inputs_key == ""
            and time.time() - project.last_event_at > IDLE_SECONDS
            and rounds.latest(session, project.id) is not None
            and not rounds.requested(session, project.id)
            and not pool.unlearnt(session, project.id)
        )


class Due(NamedTuple):
    """Why a round is due, and since when, in seconds since 1970."""

    reason: str
    since: float


def round_due(work: Work, spec: LabelSpec, inputs_key: str) -> Due | None:
    """Say why a round is due now, and since when; None when it isn't."""
    settings, now = work.settings, time.time()
    with work.store.read() as session:
        project = projects.get(session, work.project_id)
        counts = pool.counts(session, project.id)
        latest = rounds.latest(session, project.id)
        untried = embedding_queue.untried(session, project.id)
        to_come = embedding_queue.untried(session, project.id, annotated=False)
        candidates = serving.embedded_candidates(session, project)
    if counts.embedded == 0 or (candidates == 0 and to_come):  # there would be nothing to serve
        return None
    if latest is None or latest.inputs_key != inputs_key:
        complete = project.plan is None and not untried
        enough = candidates >= settings.queue_size or (candidates and not to_come)
        if complete or (enough and now - project.registered_at > FIRST_QUEUE_SECONDS):
            return Due("the first queue is wanted", now if latest else project.registered_at)
        return None
    if 0 < project.train_asked_at <= work.began:  # since then: the next step has its labels, too
        return Due("training was asked for", project.train_asked_at)
    if not by_control.is_of(latest, spec.heads):
        return Due("the labelling config has other classes", now)
    if latest.lost_files:
        return Due("the files of the last round cannot be read", now)
    if counts.pending >= settings.labels_per_round:
        return Due(f"{counts.pending} labels are new", min(now, project.last_event_at))
    quiet, patience = now - project.last_event_at, _patience(settings, counts.pending)
    # Below 0 the clock was put back.
    if counts.pending and not 0 <= quiet < patience:
        since = min(now, project.last_event_at + patience)
        return Due(f"{counts.pending} labels are new and no more came", since)
    grown = counts.embedded / max(1, latest.pool_size)
    complete = project.plan is None and not untried
    if latest.acquisition == COLD_START and grown >= (LAST_GROWTH if complete else GROWTH):
        return Due(POOL_GREW, now)
    return None


def _patience(settings: Settings, pending: int) -> float:
    """Return how many seconds without a new one make a round of so few labels.

    The fewer they are, the longer: people pause over an image, too, and a round of two labels would
    throw away the order they are in.
    """
    share = settings.labels_per_round / max(1, pending)
    return settings.quiet_seconds * min(MOST_PATIENCE, max(1.0, share))


def next_look(work: Work) -> float:
    """Return when the project is due again if nothing is told before."""
    now = time.time()
    with work.store.read() as session:
        project = projects.get(session, work.project_id)
        counts = pool.counts(session, project.id)
        retry_at = embedding_queue.next_try(session, project.id)
    if not project.connected:
        fresh = now - project.registered_at < 60
        return now + (NOT_CONNECTED_SECONDS if fresh else work.settings.reconcile_minutes * 60)
    if project.plan is not None or project.pass_wanted:
        return now
    times = [
        now + LOOK_AGAIN_SECONDS,
        project.pass_finished_at + work.settings.reconcile_minutes * 60,
    ]
    if retry_at is not None and not resting(work):
        times.append(retry_at)
    if counts.pending:
        patience = _patience(work.settings, counts.pending)
        times.append(max(project.last_event_at + patience, now + 1.0))
    return min(times)
