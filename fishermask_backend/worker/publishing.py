"""Publishing a queue: the predictions that make Label Studio serve tasks in FisherMask's order.

Steps: importing → imported → active, each a row in the database and safe to repeat. An import is not
repeatable (the same call twice makes duplicates, and a call that timed out may still arrive), so a
second try is a queue of its own, under a version of its own.
"""

import logging
import time
from collections.abc import Collection, Sequence
from typing import Any

from fishermask_backend.errors import LabelStudioError
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.settings import Settings
from fishermask_backend.store import queues, rounds
from fishermask_backend.store.schema import Queue, Round, Score
from fishermask_backend.versions import is_ours
from fishermask_backend.worker.served_order import activate
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

SINGLY_AT_MOST = 200  # predictions sent one at a time, a quarter of a second each


def publish(
    work: Work,
    spec: LabelSpec,
    source: Round,
    wanted: Sequence[int],
    audit: Collection[int] = (),
) -> None:
    """Import a queue of a round and make Label Studio serve it.

    Args:
        work: The step's surroundings.
        spec: The labelling config as just read: classes that are gone are not published.
        source: The round whose order is published.
        wanted: Its tasks, the one to label next first; those that are gone are left out.
        audit: Those of them that are drawn at random, which Label Studio is not told.

    Raises:
        LabelStudioError: A step failed; what was reached stays, and the next call goes on from there.
    """
    studio_id = work.project().studio_id
    task_ids = work.studio.existing_tasks(studio_id, wanted)
    if not task_ids:
        _activate_without_queue(work, source)
        return
    work.progress("publishing", 0, len(task_ids))
    published = work.studio.model_versions(studio_id)
    with work.begin() as session:
        drawn = [task_id for task_id in task_ids if task_id in audit]
        queue = queues.begin(session, source, task_ids, published, drawn)
    predictions = _predictions(work, spec, source, queue)
    created = _import(work, spec, studio_id, predictions)
    if created != len(predictions):
        raise LabelStudioError(
            f"Label Studio took {created} of {len(predictions)} predictions of {queue.version}; "
            "the queue is imported again under another version."
        )
    with work.begin() as session:
        queues.mark_imported(session, queue.id)
    activate(work, queue)


def _import(
    work: Work, spec: LabelSpec, studio_id: int, predictions: Sequence[dict[str, Any]]
) -> int:
    """Import predictions, and return how many there are now.

    Those that the import would drop (`Control.singly`) are sent one at a time; where Label Studio
    refuses them, too, they go without their pre-labels.
    """
    done, singly = 0, [q.control for q in spec.questions if q.spelling.singly]
    if singly:
        first = [p for p in predictions if p["result"]][:SINGLY_AT_MOST]
        try:
            for prediction in first:
                work.studio.add_prediction(studio_id, prediction)
                done += 1
        except LabelStudioError as error:
            if error.status != 400:
                raise
            log.warning(
                "%s: Label Studio refuses pre-labels of %r: %s", work.name, spec.learnt, error
            )
        added = {p["task"] for p in first[:done]}
        rest = [_without(p, singly) for p in predictions if p["task"] not in added]
    else:
        rest = list(predictions)
    return done + (work.studio.import_predictions(studio_id, rest) if rest else 0)


def _without(prediction: dict[str, Any], controls: Sequence[str]) -> dict[str, Any]:
    """Return a prediction without the regions of some controls."""
    left = [region for region in prediction["result"] if region["from_name"] not in controls]
    return prediction | {"result": left}


def tidy(work: Work) -> None:
    """Delete the predictions of queues that were superseded long ago.

    Younger ones stay: a page opened under them submits with its `parent_prediction`, and Label Studio
    refuses the submit once that is gone; so does the one that the project shows while its order is
    paused. And none go while `model_version` is not ours: deleting any version then empties it.
    """
    project = work.project()
    before = time.time() - work.settings.keep_queues_days * 86400
    with work.store.read() as session:
        outdated = queues.outdated(session, work.project_id, before)
    shown = work.studio.project(project.studio_id).model_version if outdated else ""
    if not is_ours(shown):
        return
    for queue in outdated:
        if queue.version == shown:
            continue
        work.studio.delete_version(project.studio_id, queue.version)
        with work.begin() as session:
            queues.mark_deleted(session, queue.id)


def _predictions(work: Work, spec: LabelSpec, source: Round, queue: Queue) -> list[dict[str, Any]]:
    with work.store.read() as session:
        scores = rounds.scores_of(session, source.id, queue.task_ids)
    return [
        {
            "task": task_id,
            "result": _prelabel(work.settings, spec, source, scores.get(task_id)),
            "score": score,
            "model_version": queue.version,
        }
        for task_id, score in queues.places(queue).items()
    ]


def _prelabel(
    settings: Settings, spec: LabelSpec, source: Round, score: Score | None
) -> list[dict[str, Any]]:
    if not settings.prelabels:
        return []
    return spec.prelabel(rounds.class_probabilities(source, score), settings.prelabel_above)


def _activate_without_queue(work: Work, source: Round) -> None:
    with work.begin() as session:
        rounds.activate(session, source.id)
    log.info("%s: round %s leaves nothing to label", work.name, source.number)
