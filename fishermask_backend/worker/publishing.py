"""Publishing a queue: the predictions that make Label Studio serve tasks in FisherMask's order.

Steps: importing → imported → active, each a row in the database and safe to repeat. An import is not
repeatable (the same call twice makes duplicates, and a call that timed out may still arrive), so a
second try is a queue of its own, under a version of its own.
"""

import logging
import time
from collections.abc import Iterable, Sequence
from typing import Any

from fishermask_backend.errors import LabelStudioError
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.settings import Settings
from fishermask_backend.store import projects, queues, rounds
from fishermask_backend.store.schema import FormerOrder, Queue, Round, Score
from fishermask_backend.studio import SAMPLING, StudioProject
from fishermask_backend.versions import is_ours
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

SINGLY_AT_MOST = 200  # predictions sent one at a time, a quarter of a second each


def publish(work: Work, spec: LabelSpec, source: Round, wanted: Sequence[int]) -> None:
    """Import a queue of a round and make Label Studio serve it.

    Args:
        work: The step's surroundings.
        spec: The labelling config as just read: classes that are gone are not published.
        source: The round whose order is published.
        wanted: Its tasks, the one to label next first; those that are gone are left out.

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
        queue = queues.begin(session, source, task_ids, published)
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
    refuses them, too, they go without a pre-label.
    """
    done = 0
    if spec.spelling.singly:
        first = [p for p in predictions if p["result"]][:SINGLY_AT_MOST]
        try:
            for prediction in first:
                work.studio.add_prediction(studio_id, prediction)
                done += 1
        except LabelStudioError as error:
            if error.status != 400:
                raise
            log.warning(
                "%s: Label Studio refuses pre-labels of %r: %s", work.name, spec.control, error
            )
        added = {p["task"] for p in first[:done]}
        rest = [p | {"result": []} for p in predictions if p["task"] not in added]
    else:
        rest = list(predictions)
    return done + (work.studio.import_predictions(studio_id, rest) if rest else 0)


def activate(work: Work, queue: Queue) -> None:
    """Make Label Studio serve an imported queue, where the project's settings are ours to set."""
    project = work.project()
    remote = work.studio.project(project.studio_id)
    titles = work.studio.own_backends(project.studio_id).values()
    note = _why_not(work.settings, project.former, remote, titles)
    if not note:
        _remember_former(work, remote)
        remote = work.studio.set_order(
            project.studio_id, sampling=SAMPLING, model_version=queue.version
        )
        if (remote.sampling, remote.model_version) != (SAMPLING, queue.version):
            raise LabelStudioError(f"Label Studio did not keep the order {queue.version!r}.")
    with work.begin() as session:
        project = projects.get(session, work.project_id)
        project.order_note = note
        if project.former is not None and not note:
            project.former = {**project.former, "set": True}
        queues.activate(session, queue.id)
    log.info(
        "%s: queue %s of %s tasks is active%s",
        work.name, queue.version, len(queue.task_ids), f" ({note})" if note else "",
    )  # fmt: skip


def reassert(work: Work) -> None:
    """Put the active queue back where a late request of ours set an older one of ours."""
    with work.store.read() as session:
        queue = queues.active(session, work.project_id)
        project = projects.get(session, work.project_id)
    if queue is None or project.order_note or not work.settings.auto_order:
        return
    remote = work.studio.project(project.studio_id)
    if remote.model_version == queue.version and remote.sampling == SAMPLING:
        return
    activate(work, queue)


def resume(work: Work) -> None:
    """Take the order back after it was paused: somebody asked for training."""
    with work.begin() as session:
        project = projects.get(session, work.project_id)
        if project.order_note:
            project.former = None  # what is set now is what removal will put back


def give_back_order(work: Work) -> None:
    """Put back the sampling and model version that the project had before us."""
    project = work.project()
    if project.former is not None:
        remote = work.studio.project(project.studio_id)
        if remote.sampling == SAMPLING and is_ours(remote.model_version):
            sampling, version = project.former["sampling"], project.former["model_version"]
            try:
                work.studio.set_order(project.studio_id, sampling=sampling, model_version=version)
            except LabelStudioError as error:
                if error.status != 400:
                    raise
                # It was the title of a backend that is gone, or its predictions are.
                work.studio.set_order(project.studio_id, sampling=sampling, model_version="")
            log.info("%s: former order put back: %s", work.name, project.former)
    with work.begin() as session:
        projects.get(session, work.project_id).former = None


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
            "score": place / len(queue.task_ids) / 2,
            "model_version": queue.version,
        }
        for place, task_id in enumerate(queue.task_ids)
    ]


def _prelabel(
    settings: Settings, spec: LabelSpec, source: Round, score: Score | None
) -> list[dict[str, Any]]:
    if not settings.prelabels:
        return []
    return spec.prelabel(rounds.class_probabilities(source, score), settings.prelabel_above)


def _why_not(
    settings: Settings, former: FormerOrder | None, remote: StudioProject, titles: Iterable[str]
) -> str:
    """Say why the project's order is not ours to set; empty when it is.

    Args:
        settings: What is allowed.
        former: The order before ours; None: not looked at yet.
        remote: The order now.
        titles: Those of this backend in the project: Label Studio shows the last that was connected.
    """
    if not settings.auto_order:
        return "AUTO_ORDER=false: sampling and model version are left alone."
    if settings.take_over:
        return ""
    ours = is_ours(remote.model_version)
    if former is None or _not_set_yet(former, remote):
        if ours or remote.model_version in ("", *titles):
            return ""
        return (
            f"The project shows the model version {remote.model_version!r} of another model; "
            "it is replaced only with TAKE_OVER=true."
        )
    if ours and remote.sampling == SAMPLING:
        return ""
    return (
        f"Somebody set sampling to {remote.sampling!r} and model version to "
        f"{remote.model_version!r}; the order is paused. «Start training» gives it back."
    )


def _not_set_yet(former: FormerOrder, remote: StudioProject) -> bool:
    """Say whether the order was never set, because the first try to set it was cut off."""
    return not former.get("set", True) and remote.sampling == former["sampling"]


def _remember_former(work: Work, remote: StudioProject) -> None:
    with work.begin() as session:
        project = projects.get(session, work.project_id)
        if project.former is None:
            version = "" if is_ours(remote.model_version) else remote.model_version
            project.former = FormerOrder(
                sampling=remote.sampling,
                model_version=version,
                set=False,  # not before Label Studio has taken ours
            )


def _activate_without_queue(work: Work, source: Round) -> None:
    with work.begin() as session:
        rounds.activate(session, source.id)
    log.info("%s: round %s leaves nothing to label", work.name, source.number)
