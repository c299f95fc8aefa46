"""Bringing what is known of a project up to Label Studio.

A full pass reads every task, 500 at a time and in random order of ranges of ids (by id the first queue
would come from one folder of a bucket); it is a plan in the database (`reading_plan.py`), so that it
goes on where it was left. Between passes only what changed is read. Passes find what is gone.
"""

import logging
import random
import time
from collections.abc import Callable
from functools import partial

from sqlalchemy.orm import Session

from fishermask_backend.controls.heads import stored_heads
from fishermask_backend.errors import ProjectGone
from fishermask_backend.images.kept import kept
from fishermask_backend.labeling import LabelSpec, parse_label_config
from fishermask_backend.settings import Settings
from fishermask_backend.store import odd_entries, pool, projects, validation
from fishermask_backend.store.schema import Project, TaskKind
from fishermask_backend.studio import Page, StudioProject
from fishermask_backend.studio.records import text
from fishermask_backend.worker.asked_since import asked_since
from fishermask_backend.worker.reading_plan import after, even_ranges
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

READING_SECONDS = 10.0  # of a full pass, before images get their turn
EVENT_GRACE_SECONDS = 5.0  # a change with no event for so long was not told of
OVERLAP_SECONDS = 5.0  # changes committed late, with an earlier time
FEW = 100  # changes since the last look, as a rule; before them there may be an import of thousands
LATE_SECONDS = 150.0  # after an event or a pass: at least two looks


def sync(work: Work) -> tuple[StudioProject, LabelSpec]:
    """Read what is new in Label Studio, for at most about ten seconds.

    Returns:
        The project as it is now, and what its labelling config asks to learn.

    Raises:
        LabelStudioError: Label Studio could not be read.
        ProjectGone: The project is another one than we know, or has been deleted.
        UnsupportedLabelConfig: There is nothing to learn in the project.
    """
    project = work.project()
    remote = _read_project(work, project)
    spec = work.settings.read_config(remote.label_config)
    _take_config(work, remote, spec)
    if project.plan is None and pass_due(work.settings, project):
        _begin_pass(work, project)
    read_changes(work, spec)
    _read_on(work, spec)
    return remote, spec


def pass_due(settings: Settings, project: Project) -> bool:
    """Say whether everything is to be compared again: asked for, long ago, or the clock jumped."""
    age = time.time() - project.pass_finished_at
    return project.pass_wanted or not 0 <= age <= settings.reconcile_minutes * 60


def _read_project(work: Work, project: Project) -> StudioProject:
    remote = work.studio.project(project.studio_id)
    if remote.created not in (None, project.created):
        raise ProjectGone(f"Project {project.studio_id} is now another project of that id.")
    return remote


def _take_config(work: Work, remote: StudioProject, spec: LabelSpec) -> None:
    with work.begin() as session:
        project = projects.get(session, work.project_id)
        learnt, ground_truth = spec.learnt, work.settings.ground_truth
        heads = stored_heads(spec.heads)
        before = (project.label_config, project.control, project.heads, project.ground_truth)
        _note_questions(
            project, remote, partial(parse_label_config, level=work.settings.taxonomy_level)
        )
        project.title, project.skip_queue = remote.title, remote.skip_queue
        project.label_config, project.control = remote.label_config, learnt
        project.ground_truth = ground_truth
        project.heads, project.set_aside = heads, [*spec.set_aside] or None
        if before != (remote.label_config, learnt, heads, ground_truth):
            for head in spec.heads:
                log.info(
                    "%s «%s»: learning control %r, classes %s (%s)",
                    work.name, remote.title, head.control, list(head.classes), head.likelihood,
                )  # fmt: skip
            pool.resolve_all(session, project, spec)
        if project.data_key != spec.data_key:  # the images are in another field of the tasks
            project.data_key, project.pass_wanted = spec.data_key, True


def _note_questions(
    project: Project, remote: StudioProject, read: Callable[[str, str], LabelSpec]
) -> None:
    """Note since when the config asks what it asks."""
    known = project.asked_since
    if known is None and project.label_config:  # seen by a version that noted nothing
        known = asked_since(project.label_config, None, 0.0, read)
    if project.asked_since is None or project.label_config != remote.label_config:
        project.asked_since = asked_since(remote.label_config, known, time.time(), read)


def _begin_pass(work: Work, project: Project) -> None:
    newest = work.studio.newest_change(project.studio_id)
    kinds: tuple[TaskKind, ...] = ("annotated", "skipped", "tasks")
    extents = {kind: work.studio.extent(project.studio_id, kind) for kind in kinds}
    ranges = {kind: even_ranges(kind, *extent) for kind, extent in extents.items()}
    random.Random(f"{work.settings.seed}/{project.pass_number}").shuffle(ranges["tasks"])
    with work.begin() as session:
        project = projects.get(session, work.project_id)
        project.plan = [each for kind in kinds for each in ranges[kind]]
        project.plan_total = extents["tasks"][0]
        project.pass_number += 1
        project.pass_wanted = False
        project.cursor = newest  # what changes from now on is read as a change


def _read_on(work: Work, spec: LabelSpec) -> None:
    """Go on with the plan until it is done or the slice is over."""
    end = time.monotonic() + READING_SECONDS
    while (plan := work.project().plan) is not None and time.monotonic() < end:
        if not plan:
            _finish_pass(work)
            return
        _show(work)
        kind, first, last = plan[0]
        page = work.studio.tasks_between(work.lease.studio_id, kind, first, last)
        with work.begin() as session:
            project = projects.get(session, work.project_id)
            _put(session, project, spec, page, kind != "tasks")
            project.plan = after(plan, page, random.Random())


def _show(work: Work) -> None:
    with work.store.read() as session:
        project = projects.get(session, work.project_id)
        seen, total = pool.seen(session, project), project.plan_total
    work.progress("reading tasks", min(seen, total), total)


def _finish_pass(work: Work) -> None:
    """Forget the tasks that the pass did not meet and Label Studio, asked by id, does not have."""
    with work.store.read() as session:
        project = projects.get(session, work.project_id)
        unseen = pool.unseen(session, project)
    existing = set(work.studio.existing_tasks(project.studio_id, unseen))
    gone = [task_id for task_id in unseen if task_id not in existing]
    with work.begin() as session:
        project = projects.get(session, work.project_id)
        pool.delete_tasks(session, project.id, gone)
        odd_entries.forget_older(project)
        project.plan, project.pass_finished_at, project.progress = None, time.time(), None
    log.info("%s: read all %s tasks, %s are gone", work.name, project.plan_total, len(gone))


def read_changes(work: Work, spec: LabelSpec) -> None:
    """Read the tasks that changed since the last look; of very many, plan a full pass, too.

    Raises:
        LabelStudioError: Label Studio could not be read.
    """
    project = work.project()
    since = max(0.0, project.cursor - _overlap(project))
    changed = work.studio.changed_tasks(project.studio_id, since, FEW)
    if not _whole(changed, project.cursor):
        changed = work.studio.changed_tasks(project.studio_id, since)
    if not changed.tasks:
        return
    whole = _whole(changed, project.cursor)
    if not whole and project.plan is None:
        _begin_pass(work, project)
        return
    with work.begin() as session:
        project = projects.get(session, work.project_id)
        _put(session, project, spec, changed, with_annotations=True)
        newest = max(task.updated_at for task in changed.tasks)
        if newest > project.cursor and time.time() - project.last_event_at > EVENT_GRACE_SECONDS:
            project.last_event_at = time.time()  # no event told: the quiet time starts here
        if whole:
            project.cursor = max(project.cursor, newest)


def _whole(changed: Page, cursor: float) -> bool:
    """Say whether all that is newer than the cursor is on a page, which begins with the newest."""
    known = [task.updated_at for task in changed.tasks if task.updated_at]
    return changed.total <= len(changed.tasks) or (bool(known) and known[-1] <= cursor)


def _overlap(project: Project) -> float:
    """Return the seconds before the cursor in which changes may have come since the last look.

    0 where it is quiet: the newest change there is an import, and at every look all its tasks would be
    read again.
    """
    last = max(project.last_event_at, project.pass_finished_at)
    quiet = project.plan is None and abs(time.time() - last) > LATE_SECONDS
    return 0.0 if quiet else OVERLAP_SECONDS


def _put(
    session: Session,
    project: Project,
    spec: LabelSpec,
    page: Page,
    with_annotations: bool,
) -> None:
    tasks = page.tasks
    odd_entries.note(project, page.oddities)
    images = [(task.task_id, kept(text(spec.address(task.data)))) for task in tasks]
    pool.put_tasks(session, project, images, random.Random())
    session.flush()
    if with_annotations:
        found = {t.task_id: t.annotations for t in tasks}
    else:  # what was withdrawn while nobody looked is on no page of annotated tasks
        known = pool.tasks_by_id(session, project.id, [t.task_id for t in tasks if t.untouched])
        found = {i: () for i, t in known.items() if t.annotated or t.skipped_by}
    pool.put_annotations(session, project, spec, found)
    validation.compare(session, project, [*found])
