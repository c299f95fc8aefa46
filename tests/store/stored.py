"""Rounds and queues as tests store them."""

import time

from fishermask_backend.store import queues, rounds
from fishermask_backend.store.schema import Annotation, Round


def new_round(project_id, number=1, **more):
    now = time.time()
    fields = {
        "project_id": project_id,
        "number": number,
        "acquisition": "fishermask",
        "state": "computed",
        "labels": 20,
        "pool": 3,
        "classes": ["cat", "dog"],
        "likelihood": "categorical",
        "inputs_key": "k",
        "triggered_at": now,
        "started_at": now,
        "computed_at": now,
        "seconds": {},
        "notes": [],
    }
    return Round(**(fields | more))


def put(store, project_id, number=1, scores=(), **more):
    with store.begin() as session:
        made = new_round(project_id, number, **more)
        rounds.open_round(session, made)
        rounds.put_scores(session, made.id, scores)
        rounds.finish_round(session, made.id)
        return made


def publish(store, source, tasks=(3, 1, 2)):
    with store.begin() as session:
        queue = queues.begin(session, source, tasks)
        queues.mark_imported(session, queue.id)
        queues.activate(session, queue.id)
        return queue.version


def annotation(project_id, task_id, annotator=1, *, seconds_ago=0.0, skipped=False):
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - seconds_ago))
    return Annotation(
        project_id=project_id, annotation_id=task_id, task_id=task_id, result=[], skipped=skipped,
        ground_truth=False, annotator=annotator, updated_at=at,
    )  # fmt: skip
