"""Rounds and the scores they gave.

A round goes storing → computed → imported → active → superseded. Each step is one transaction and
safe to repeat.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from fishermask_backend.store.batches import batches
from fishermask_backend.store.inserting import insert_missing
from fishermask_backend.store.noted import StoredReason
from fishermask_backend.store.schema import Queue, Round, Score, ScoreRequest, Task
from fishermask_backend.versions import number_of

KEPT_ROUNDS = 20  # rounds whose weights stay on disk


@dataclass(frozen=True)
class Scored:
    """A task's outcome in a round: its place (0 is next), gain, class probabilities, and why there."""

    task_id: int
    score: float
    gain: float
    probabilities: NDArray[np.float32] | None
    why: list[StoredReason] | None = None

    def row(self, round_id: int) -> dict[str, object]:
        """Return the row of the table."""
        packed = None
        if self.probabilities is not None:
            packed = np.asarray(self.probabilities, dtype="<f4").tobytes()
        return {
            "round_id": round_id,
            "task_id": self.task_id,
            "score": self.score,
            "gain": self.gain,
            "probabilities": packed,
            "why": self.why,
        }


def class_probabilities(source: Round, score: Score | None) -> dict[str, float]:
    """Return what a round thinks of a task: class to probability; empty if it thinks nothing."""
    if score is None or score.probabilities is None:
        return {}
    stored = np.frombuffer(score.probabilities, dtype="<f4")
    return {name: float(p) for name, p in zip(source.classes, stored, strict=True)}


def next_number(session: Session, project_id: int, published: Sequence[str] = ()) -> int:
    """Return the number of the next round: above every stored and every published one."""
    stored = session.scalar(select(func.max(Round.number)).where(Round.project_id == project_id))
    numbers = [number_of(name) for name in published]
    return max([stored or 0, *numbers]) + 1


def open_round(session: Session, new: Round) -> None:
    """Begin to store a round: nobody sees it until its scores are there and it is finished."""
    new.state = "storing"
    session.add(new)
    session.flush()


def finish_round(session: Session, round_id: int) -> Round:
    """Let a round be seen whose scores are stored; return it."""
    finished = session.get_one(Round, round_id)
    finished.state = "computed"
    return finished


def drop_unfinished(session: Session, project_id: int) -> None:
    """Delete what a worker that was killed had stored of a round."""
    unfinished = (Round.project_id == project_id, Round.state == "storing")
    session.execute(delete(Score).where(Score.round_id.in_(select(Round.id).where(*unfinished))))
    session.execute(delete(Round).where(*unfinished))


def put_scores(session: Session, round_id: int, scores: Sequence[Scored]) -> None:
    """Add scores to a round."""
    if scores:
        session.execute(insert(Score), [s.row(round_id) for s in scores])


def latest(session: Session, project_id: int) -> Round | None:
    """Return the newest round that was computed, whatever has become of it."""
    query = select(Round).where(Round.project_id == project_id, Round.state != "storing")
    return session.scalars(query.order_by(Round.number.desc()).limit(1)).first()


def active(session: Session, project_id: int) -> Round | None:
    """Return the round that serves."""
    query = select(Round).where(Round.project_id == project_id, Round.state == "active")
    return session.scalars(query.order_by(Round.number.desc()).limit(1)).first()


def history(session: Session, project_id: int) -> Sequence[Round]:
    """Return all rounds, oldest first."""
    query = select(Round).where(Round.project_id == project_id, Round.state != "storing")
    return session.scalars(query.order_by(Round.number)).all()


def serving_seconds(session: Session, project_id: int) -> float:
    """Return how long the serving round has served, or the one before it did, whichever is longer.

    0 before there is one.
    """
    began = (
        select(Round.active_at)
        .where(Round.project_id == project_id, Round.active_at.is_not(None))
        .order_by(Round.number.desc())
        .limit(2)
    )
    moments = [time.time(), *session.scalars(began)]
    return max((end - begin for end, begin in pairwise(moments)), default=0.0)


def activate(session: Session, round_id: int) -> None:
    """Make a round the one whose scores and pre-labels serve."""
    source = session.get_one(Round, round_id)
    session.execute(
        update(Round)
        .where(Round.project_id == source.project_id, Round.number < source.number)
        .where(Round.state != "superseded")
        .values(state="superseded")
    )
    source.state = "active"
    source.active_at = source.active_at or time.time()


def scores_of(session: Session, round_id: int, task_ids: Sequence[int]) -> dict[int, Score]:
    """Return the stored scores of these tasks."""
    found: dict[int, Score] = {}
    for batch in batches(task_ids):
        query = select(Score).where(Score.round_id == round_id, Score.task_id.in_(batch))
        found.update({score.task_id: score for score in session.scalars(query)})
    return found


def every_score(session: Session, round_id: int) -> Sequence[Score]:
    """Return all scores of a round, the task to label next first."""
    query = select(Score).where(Score.round_id == round_id)
    return session.scalars(query.order_by(Score.score, Score.task_id)).all()


def order(session: Session, round_id: int) -> list[int]:
    """Return the tasks a round scored, the one to label next first."""
    query = select(Score.task_id).where(Score.round_id == round_id)
    return list(session.scalars(query.order_by(Score.score, Score.task_id)))


def prune(session: Session, project_id: int) -> None:
    """Drop the scores of superseded rounds, and old rounds' mention of their files in MODEL_DIR.

    Of the round before, those of its queues stay: their last labels may not be read yet.
    """
    serving = active(session, project_id)
    if serving is None:
        return
    older = [r for r in history(session, project_id) if r.number < serving.number]
    gone = [past.id for past in older[:-1]]
    session.execute(delete(Score).where(Score.round_id.in_(gone)))
    for past in older[-1:]:
        queued = session.scalars(select(Queue.task_ids).where(Queue.round_id == past.id))
        kept = {task_id for ids in queued for task_id in ids}
        others = [i for i in order(session, past.id) if i not in kept]
        for batch in batches(others):
            session.execute(
                delete(Score).where(Score.round_id == past.id, Score.task_id.in_(batch))
            )
    for i, past in enumerate(reversed(older)):
        past.scorer = None
        if i >= KEPT_ROUNDS:
            past.weights = None


def lose_files(session: Session, round_id: int, note: str) -> None:
    """Note that a round's files cannot be read; its scores go on serving until the next round."""
    source = session.get_one(Round, round_id)
    source.weights, source.scorer, source.notes = None, None, [*source.notes, note]


def ask_scores(session: Session, project_id: int, task_ids: Sequence[int]) -> None:
    """Ask the worker to score tasks that no round has seen."""
    now = time.time()
    rows = [
        {"project_id": project_id, "task_id": task_id, "requested_at": now}
        # In one order: two who ask must not wait for each other.
        for task_id in sorted(set(task_ids))
    ]
    if rows:
        insert_missing(session, ScoreRequest, rows)


def asked_before(
    session: Session, project_id: int, task_ids: Sequence[int], moment: float
) -> set[int]:
    """Return those of the tasks whose scores are asked for since before a time."""
    found: set[int] = set()
    for batch in batches(task_ids):
        query = select(ScoreRequest.task_id).where(
            ScoreRequest.project_id == project_id,
            ScoreRequest.task_id.in_(batch),
            ScoreRequest.requested_at < moment,
        )
        found.update(session.scalars(query))
    return found


def drop_score_requests(session: Session, project_id: int) -> None:
    """Drop the requests: what could be scored has been."""
    session.execute(delete(ScoreRequest).where(ScoreRequest.project_id == project_id))


def requested(session: Session, project_id: int) -> bool:
    """Say whether /predict waits for a score."""
    query = select(ScoreRequest.task_id).where(ScoreRequest.project_id == project_id).limit(1)
    return session.scalar(query) is not None


def unscored(session: Session, project_id: int, round_id: int, limit: int) -> Sequence[Task]:
    """Return embedded tasks that a round has no score for."""
    scored = select(Score.task_id).where(Score.round_id == round_id)
    query = select(Task).where(
        Task.project_id == project_id, Task.row.is_not(None), Task.task_id.not_in(scored)
    )
    return session.scalars(query.order_by(Task.task_id).limit(limit)).all()


def gains_outside_queue(session: Session, round_id: int, queue_end: float) -> list[float]:
    """Return the gains of a round's tasks behind its queue that can be labelled, ascending."""
    query = select(Score.gain).where(
        Score.round_id == round_id, Score.score >= queue_end, Score.score < 1.0
    )
    return list(session.scalars(query.order_by(Score.gain)))
