"""A project's tasks as a table: what each is labelled, and what the classifier thinks of it."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

from fishermask_backend.controls.consensus import classes_of
from fishermask_backend.settings import load_settings
from fishermask_backend.store import open_store, projects, queues, rounds
from fishermask_backend.store.by_control import learnt
from fishermask_backend.store.pool import every_task
from fishermask_backend.store.schema import Round, Score
from fishermask_backend.web.review_status import reasons

HEADER = ["task_id", "labels", "guess", "probability", "place_in_queue", "image_error", "review"]
BETWEEN_CLASSES = "|"


def task_rows(studio_id: int) -> Iterator[list[Any]] | None:
    """Return the table's lines, its header first; None if there is no such project.

    Args:
        studio_id: The project's id in Label Studio.
    """
    with open_store().read() as session:
        project = projects.find(session, load_settings().label_studio_url, studio_id)
        if project is None:
            return None
        serving, queue = rounds.active(session, project.id), queues.active(session, project.id)
        tasks = every_task(session, project.id)
        scores = {s.task_id: s for s in rounds.every_score(session, serving.id)} if serving else {}
        why = reasons(session, project)
    places = {i: place for place, i in enumerate(queue.task_ids if queue else [], 1)}
    lines: Iterator[list[Any]] = (
        [
            task.task_id,
            "" if task.answer is None else BETWEEN_CLASSES.join(classes_of(task.answer)),
            *_guess(serving, scores.get(task.task_id)),
            places.get(task.task_id, ""),
            task.image_error or "",
            BETWEEN_CLASSES.join(why.get(task.task_id, ())),
        ]
        for task in tasks
    )
    return chain([HEADER], lines)


def _guess(serving: Round | None, score: Score | None) -> tuple[str, float | str]:
    """Return the best class of each control, and the least certain one's probability."""
    known = rounds.class_probabilities(serving, score) if serving is not None else {}
    if not known or serving is None:
        return "", ""
    best = [max(head.names, key=known.__getitem__) for head in learnt(serving)]
    return BETWEEN_CLASSES.join(best), round(min(known[name] for name in best), 4)
