"""What is known of the tasks that /predict asks about; for new ones the worker gets some seconds."""

import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from fishermask_backend.settings import Settings
from fishermask_backend.store import DatabaseUnavailable, Store, pool, projects, queues, rounds
from fishermask_backend.store.schema import Round, Score, Task

POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Found:
    """What is known of some tasks.

    Attributes:
        serving: The round whose scores these are; None before the first.
        version: What its predictions are called.
        scores: By task.
        places: Of tasks in the queue the score that they are served by; those drawn at random have
            another of their own.
        missing: Tasks that have no score and may get one.
    """

    serving: Round | None
    version: str
    scores: Mapping[int, Score]
    places: Mapping[int, float]
    missing: Sequence[int]


def look_up(store: Store, settings: Settings, project_id: int, ids: Sequence[int]) -> Found:
    """Return what is known of tasks; the worker is asked for scores that a serving round lacks.

    At most half of the process's threads wait for it: Label Studio gives /health and events a second.
    None waits for what was asked for before in vain: Label Studio asks whenever a page is opened.

    Args:
        store: The database.
        settings: `PREDICT_WAIT`, `THREADS`.
        project_id: In the database.
        ids: The tasks.
    """
    found = _known(store, project_id, ids)
    if not found.missing:
        return found
    in_vain: set[int] = set()
    with suppress(DatabaseUnavailable), store.begin() as session:
        in_vain = rounds.asked_before(
            session, project_id, found.missing, time.time() - settings.predict_wait
        )
        rounds.ask_scores(session, project_id, found.missing)
        projects.wake(session, project_id)
    waiting = _waiting(settings.threads)
    if in_vain.issuperset(found.missing) or not waiting.acquire(blocking=False):
        return found
    try:
        end = time.monotonic() + settings.predict_wait
        while found.missing and time.monotonic() < end:
            time.sleep(POLL_SECONDS)
            found = _known(store, project_id, ids)
    finally:
        waiting.release()
    return found


def _known(store: Store, project_id: int, ids: Sequence[int]) -> Found:
    with store.read() as session:
        serving = rounds.active(session, project_id)
        queue = queues.active(session, project_id)
        version, places = queues.answered_version(queue), queues.places(queue)
        if serving is None:
            return Found(None, version, {}, {}, [])
        scores = rounds.scores_of(session, serving.id, ids)
        tasks = pool.tasks_by_id(session, project_id, ids)
    missing = [i for i in ids if i not in scores and not _failed(tasks.get(i))]
    return Found(serving, version, scores, places, missing)


def _failed(task: Task | None) -> bool:
    return task is not None and task.image_error is not None


@cache
def _waiting(threads: int) -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(max(1, threads // 2))
