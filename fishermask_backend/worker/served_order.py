"""The order in which Label Studio serves a project: ours to set or not, set, kept, put back.

It is the project's sampling and its model version, which people and Label Studio itself change, too.
People's changes win, until somebody presses *Start Training*. What Label Studio does by itself is no
wish of anybody's: it empties the version with each save of a project that hides predictions, and when
the version's predictions are deleted.
"""

import logging
from collections.abc import Iterable

from fishermask_backend.errors import LabelStudioError
from fishermask_backend.settings import Settings
from fishermask_backend.store import projects, queues
from fishermask_backend.store.noted import FormerOrder
from fishermask_backend.store.schema import Project, Queue
from fishermask_backend.studio import SAMPLING, Studio, StudioProject
from fishermask_backend.versions import is_ours
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

UNNAMED = "undefined"  # what Label Studio calls predictions that were imported without a version
RETURNED = "paused, because somebody gave the order back on the project's page here."
TRAINING = "*Start Training* on the project's Model page"
HIDDEN = (
    "«Use predictions to prelabel tasks» is off in the project's settings (Annotation), so no "
    "pre-label is shown; each save of that page empties the model version, which is then set again."
)


def activate(work: Work, queue: Queue) -> None:
    """Make Label Studio serve an imported queue, where the project's order is ours to set."""
    project = work.project()
    remote = work.studio.project(project.studio_id)
    note = _why_not(work, project, remote)
    if not note:
        _remember_former(work, remote)
        served = work.studio.set_order(
            project.studio_id, sampling=SAMPLING, model_version=queue.version
        )
        if not _serves(served, queue):
            raise LabelStudioError(f"Label Studio did not keep the order {queue.version!r}.")
    with work.begin() as session:
        _note(projects.get(session, work.project_id), note, remote)
        queues.activate(session, queue.id)
    log.info(
        "%s: queue %s of %s tasks is active%s",
        work.name, queue.version, len(queue.task_ids), f" ({note})" if note else "",
    )  # fmt: skip


def keep(work: Work, remote: StudioProject) -> bool:
    """Note how the order is, and set it again where nobody wished it otherwise.

    Such is a late request of ours that set an older queue, and what Label Studio did by itself.

    Args:
        work: The step's surroundings.
        remote: The project as just read.

    Returns:
        Whether it may stay as it is.
    """
    with work.store.read() as session:
        queue = queues.active(session, work.project_id)
        cut_off = queues.imported(session, work.project_id)
        project = projects.get(session, work.project_id)
    if queue is None or cut_off is not None:  # publishing goes on, and sets it anyway
        return True
    note = _why_not(work, project, remote)
    if project.former is not None and wanted_back(project) and _is_set(work, remote):
        put_back(work.studio, project.studio_id, project.former)
        log.info("%s: somebody gave the order back: %s", work.name, project.former)
    if note or _serves(remote, queue):
        if note != project.order_note:
            log.info("%s: order: %s", work.name, note or "set by FisherMask")
        with work.begin() as session:
            _note(projects.get(session, work.project_id), note, remote)
        return True
    if queue.version in work.studio.model_versions(project.studio_id):
        activate(work, queue)
    else:  # its predictions were deleted, and another queue follows (`queueing.lost`)
        with work.begin() as session:
            projects.get(session, work.project_id).order_note = ""
    return False


def agree(work: Work) -> None:
    """Take a person's wish for training as leave to set the order, whatever is set now."""
    project = work.project()
    if not work.settings.auto_order:
        return
    if wanted_back(project) and not project.order_note:  # nor has anything been set since
        with work.begin() as session:
            row = projects.get(session, work.project_id)
            row.former = row.former and {**row.former, "returned": False}
        return
    if project.former is not None and not project.order_note:
        return
    former = _order_of(work.studio.project(project.studio_id))
    with work.begin() as session:
        # What is set now is what removal will put back.
        projects.get(session, work.project_id).former = {**former, "agreed": True}


def give_back(work: Work) -> None:
    """Put back the sampling and model version that the project had before us."""
    project = work.project()
    if project.former is not None:
        remote = work.studio.project(project.studio_id)
        if _is_set(work, remote):
            put_back(work.studio, project.studio_id, project.former)
            log.info("%s: former order put back: %s", work.name, project.former)
    with work.begin() as session:
        project = projects.get(session, work.project_id)
        project.former, project.order_note, project.order_remark = None, "", ""


def put_back(studio: Studio, studio_id: int, former: FormerOrder) -> None:
    """Set the order that a project had before ours.

    Raises:
        LabelStudioError: Label Studio refused it, or did not answer.
    """
    sampling, version = former["sampling"], former["model_version"]
    try:
        studio.set_order(studio_id, sampling=sampling, model_version=version)
    except LabelStudioError as error:
        if error.status != 400:
            raise
        # It was the title of a backend that is gone, or its predictions are.
        studio.set_order(studio_id, sampling=sampling, model_version="")


def wanted_back(project: Project) -> bool:
    """Say whether somebody gave the project's order back, and nobody asked for training since."""
    return project.former is not None and project.former.get("returned", False)


def _is_set(work: Work, remote: StudioProject) -> bool:
    """Say whether a project's order is as we set it, or as Label Studio has left that."""
    ours = is_ours(remote.model_version) or _emptied(work, remote)
    return remote.sampling == SAMPLING and ours


def _serves(remote: StudioProject, queue: Queue) -> bool:
    return (remote.sampling, remote.model_version) == (SAMPLING, queue.version)


def _note(project: Project, note: str, remote: StudioProject) -> None:
    """Store why the order is not set, or else that it is and what to know of it."""
    project.order_note = note
    project.order_remark = "" if note or remote.shows_predictions else HIDDEN
    if project.former is not None and not note:
        project.former = {**project.former, "set": True}


def _why_not(work: Work, project: Project, remote: StudioProject) -> str:
    """Say why a project's order is not ours to set, as Label Studio has it now; empty when it is."""
    if not remote.model_version or is_ours(remote.model_version):
        emptied = _emptied(work, remote)
        return why_not(work.settings, project.former, remote, emptied=emptied)
    titles = [each.title for each in work.studio.own_backends(project.studio_id)]
    return why_not(work.settings, project.former, remote, titles)


def _emptied(work: Work, remote: StudioProject) -> bool:
    """Say whether Label Studio itself has emptied the version that we had set."""
    if remote.model_version:
        return False
    if not remote.shows_predictions:
        return True
    with work.store.read() as session:
        queue = queues.active(session, work.project_id)
    return queue is not None and queue.version not in work.studio.model_versions(remote.studio_id)


def why_not(
    settings: Settings,
    former: FormerOrder | None,
    remote: StudioProject,
    titles: Iterable[str] = (),
    *,
    emptied: bool = False,
) -> str:
    """Say why the project's order is not ours to set; empty when it is.

    Args:
        settings: What is allowed.
        former: The order before ours; None: not looked at yet.
        remote: The order now.
        titles: Those of this backend in the project: Label Studio shows the last that was connected.
        emptied: Whether it was Label Studio's own doing that no version is set.
    """
    if not settings.auto_order:
        return (
            "not set, because of AUTO_ORDER=false: sampling and model version are left alone. After "
            "each round choose `active_version` in the project's settings (Annotation) by hand; the "
            "README, «By hand instead», says the rest."
        )
    if former is not None and former.get("returned", False):
        return f"{RETURNED} {TRAINING}, or *Train now* there, takes it again."
    if settings.take_over:
        return ""
    ours = is_ours(remote.model_version)
    if former is None or _not_set_yet(former, remote):
        agreed = former is not None and former.get("agreed", False)
        if agreed or ours or remote.model_version in ("", *titles):
            return ""
        whose = (
            "that were imported without one"
            if remote.model_version == UNNAMED
            else "of another model"
        )
        return (
            f"not set, because the project shows the model version {remote.model_version!r}, "
            f"predictions {whose}. {TRAINING} is taken as leave to replace it in this project, "
            "TAKE_OVER=true in all."
        )
    if remote.sampling == SAMPLING and (ours or emptied):
        return ""
    return (
        f"paused, because somebody set sampling to {remote.sampling!r} and model version to "
        f"{remote.model_version!r}. {TRAINING} gives it back."
    )


def _not_set_yet(former: FormerOrder, remote: StudioProject) -> bool:
    """Say whether the order was never set, because the first try to set it was cut off."""
    agreed = former.get("agreed", False)
    return not former.get("set", True) and (agreed or remote.sampling == former["sampling"])


def _order_of(remote: StudioProject) -> FormerOrder:
    version = "" if is_ours(remote.model_version) else remote.model_version
    # `set` not before Label Studio has taken ours.
    return FormerOrder(sampling=remote.sampling, model_version=version, set=False)


def _remember_former(work: Work, remote: StudioProject) -> None:
    with work.begin() as session:
        project = projects.get(session, work.project_id)
        if project.former is None:
            project.former = _order_of(remote)
