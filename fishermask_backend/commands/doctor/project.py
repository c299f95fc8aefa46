"""One project: what it has to learn, its images, and how the last step went."""

import time
from collections.abc import Iterator
from contextlib import closing

from fishermask_backend.commands.doctor.findings import Finding, failed, ok, warning
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.labeling import LabelSpec, parse_label_config
from fishermask_backend.settings import Settings
from fishermask_backend.store import embedding_queue, open_store, pool, projects
from fishermask_backend.store.not_learnt import not_learnt
from fishermask_backend.studio import Studio
from fishermask_backend.worker.embedding import open_loader

IMAGES = 3  # of a page, evenly spaced


def check_project(settings: Settings, studio: Studio, studio_id: int) -> Iterator[Finding]:
    """Look at a project's labelling config, a few of its images, and the worker's last step."""
    what = f"project {studio_id}"
    try:
        remote = studio.project(studio_id)
        spec = parse_label_config(remote.label_config, settings.control_name)
    except FisherMaskError as error:
        yield failed(what, str(error))
        return
    classes = ", ".join(spec.classes)
    yield ok(what, f"«{remote.title}»: the control {spec.control!r} is learnt, of {classes}")
    yield from _last_step(settings, studio_id, what)
    yield from _images(settings, studio, studio_id, spec)


def _last_step(settings: Settings, studio_id: int, what: str) -> Iterator[Finding]:
    with open_store().read() as session:
        project = projects.find(session, settings.label_studio_url, studio_id)
        if project is None:
            return
        counts = pool.counts(session, project.id)
        reasons = embedding_queue.errors(session, project.id, limit=1)
        unlearnt = not_learnt(session, project.id).sentence
    if project.error:
        ago = time.time() - project.error_at
        yield failed(what, f"{project.error} ({project.failures} times, last {ago:.0f} s ago)")
    if project.order_note:
        yield warning(what, project.order_note)
    if unlearnt:
        yield warning(what, unlearnt, f"`fishermask status {studio_id}` names more of them")
    for reason in reasons.values():
        of = f"{counts.failed_images} of {counts.tasks} images cannot be had"
        given_up = f"({counts.broken_images} are given up, the others tried again)"
        yield warning(what, f"{of} {given_up}, one of them so: {reason}")


def _images(
    settings: Settings, studio: Studio, studio_id: int, spec: LabelSpec
) -> Iterator[Finding]:
    try:
        tasks = studio.tasks_page(studio_id, 1).tasks
    except FisherMaskError as error:
        yield failed("image", str(error))
        return
    if not tasks:
        yield warning("image", f"project {studio_id} has no tasks", "import some")
        return
    with closing(open_loader(settings, studio)) as loader:
        for task in tasks[:: -(-len(tasks) // IMAGES)]:
            address = task.address(spec.data_key)
            try:
                loader.load(address, task_id=task.task_id)
            except FisherMaskError as error:
                yield failed("image", str(error))
            else:
                yield ok("image", f"of task {task.task_id} is read")
