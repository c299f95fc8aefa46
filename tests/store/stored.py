"""Rounds, queues and labels as tests store them."""

import json
import time

from fishermask_backend.store import pool, projects, queues, rounds
from fishermask_backend.store.schema import Annotation, Round


def new_round(project_id, number=1, **more):
    now = time.time()
    fields = {
        "project_id": project_id,
        "number": number,
        "acquisition": "fishermask",
        "state": "computed",
        "label_count": 5,
        "pool_size": 4,
        "classes": ["cat", "dog"],
        "likelihood": "categorical",
        "inputs_key": "key",
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
        queue = queues.begin(session, source, list(tasks))
        queues.mark_imported(session, queue.id)
        queues.activate(session, queue.id)
        return queue.version


def annotation(project_id, task_id, annotator=1, *, seconds_ago=0.0, skipped=False):
    at = time.strftime("%Y-%m-%dT%H:%M:%S.000Z", time.gmtime(time.time() - seconds_ago))
    return Annotation(
        project_id=project_id, annotation_id=task_id, task_id=task_id, result=[], skipped=skipped,
        ground_truth=False, annotator=annotator, updated_at=at,
    )  # fmt: skip


def change(work, task_ids=(), **fields):
    """Change the project, or some of its tasks."""
    with work.store.begin() as session:
        rows = pool.tasks_by_id(session, work.project_id, list(task_ids)).values()
        for row in rows if task_ids else [projects.get(session, work.project_id)]:
            for name, value in fields.items():
                setattr(row, name, value)


def label(work, *task_ids):
    change(work, task_ids, answer=json.dumps(["cat"]), annotated=True)


def annotate(work, who, seconds_ago=0):
    """Let people annotate tasks: who each of them."""
    with work.store.begin() as session:
        for i, task in pool.tasks_by_id(session, work.project_id, list(who)).items():
            task.annotated = True
            session.merge(annotation(work.project_id, i, who[i], seconds_ago=seconds_ago))
