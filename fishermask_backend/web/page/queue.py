"""The queue as pictures: what is served next, and what the classifier thinks of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from fishermask_backend.controls.heads import Head
from fishermask_backend.images.thumbnails import Thumbnails
from fishermask_backend.store import pool, queues, rounds
from fishermask_backend.store.by_control import learnt
from fishermask_backend.store.schema import Project, Queue, Round, Score
from fishermask_backend.web.why import why

MOST_PICTURES = 60


@dataclass(frozen=True)
class Thought:
    """What is thought of one control: the best class and the second, with their probabilities."""

    control: str
    guesses: tuple[tuple[str, float], ...]


@dataclass(frozen=True)
class Picture:
    """A task of the queue.

    Attributes:
        task_id: Label Studio's.
        place: In the queue, from 1.
        row: Of its thumbnail; None where there is none.
        thoughts: One a control; none before a classifier.
        audit: Whether it was drawn at random: its label tells how right the classifier is.
        why: Why it is there, the first reason first (`web/why.py`).
    """

    task_id: int
    place: int
    row: int | None
    thoughts: tuple[Thought, ...]
    audit: bool
    why: tuple[dict[str, Any], ...] = ()


def pictures(
    session: Session, project: Project, queue: Queue | None, thumbnails: Thumbnails
) -> list[Picture]:
    """Return the tasks that are still served from a queue, the next one first."""
    if queue is None:
        return []
    still = queues.left(session, project)
    ids = [i for i in queue.task_ids if i in still][:MOST_PICTURES]
    tasks = pool.tasks_by_id(session, project.id, ids)
    source = session.get_one(Round, queue.round_id)
    scores = rounds.scores_of(session, source.id, ids)
    places = {task_id: place for place, task_id in enumerate(queue.task_ids, 1)}
    rows = {i: tasks[i].row for i in ids if i in tasks}
    there = thumbnails.there([row for row in rows.values() if row is not None])
    heads = learnt(source)
    return [
        Picture(
            i,
            places[i],
            rows[i] if rows.get(i) in there else None,
            _thoughts(heads, source, scores.get(i)),
            i in (queue.audit or ()),
            tuple(why(source, queue, scores.get(i), i)),
        )
        for i in ids
    ]


def _thoughts(heads: Sequence[Head], source: Round, score: Score | None) -> tuple[Thought, ...]:
    known = rounds.class_probabilities(source, score)
    if not known:
        return ()
    found = []
    for head in heads:
        own = zip(head.classes, (known[name] for name in head.names), strict=True)
        best = sorted(own, key=lambda pair: -pair[1])[:2]
        found.append(Thought("" if head.alone else head.control, tuple(best)))
    return tuple(found)
