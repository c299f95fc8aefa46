"""One project: what it has to learn, its images, and how the last step went."""

import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

from fishermask_backend.commands.doctor.findings import Finding, failed, ok, warning
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.project_settings import settings_of
from fishermask_backend.settings import Settings
from fishermask_backend.store import embedding_queue, open_store, pool, projects
from fishermask_backend.studio import Studio
from fishermask_backend.worker.embedding import load_image, open_loader

IMAGES = 3  # of a page, evenly spaced


def check_project(settings: Settings, studio: Studio, studio_id: int) -> Iterator[Finding]:
    """Look at a project's labelling config, a few of its images, and the worker's last step."""
    what = f"project {studio_id}"
    try:
        remote = studio.project(studio_id)
        settings = settings_of(settings, _params(settings, studio_id))
        spec = settings.read_config(remote.label_config)
    except FisherMaskError as error:
        yield failed(what, str(error))
        return
    classes = ", ".join(spec.classes)
    yield ok(what, f"«{remote.title}»: the control {spec.control!r} is learnt, of {classes}")
    if not spec.prelabelled:
        yield warning(
            what,
            f"Label Studio takes no pre-labels for the control {spec.control!r}: the order works, but "
            "nothing is pre-checked",
            'remove allowNested="true", or write <Taxonomy> instead; of a <Taxonomy> with '
            "TAXONOMY_LEVEL remove leafsOnly",
        )
    yield from _last_step(settings, studio_id, what)
    yield from _images(settings, studio, studio_id, spec)


def _params(settings: Settings, studio_id: int) -> dict[str, Any] | None:
    with open_store().read() as session:
        project = projects.find(session, settings.label_studio_url, studio_id)
        return None if project is None else project.params


def _last_step(settings: Settings, studio_id: int, what: str) -> Iterator[Finding]:
    with open_store().read() as session:
        project = projects.find(session, settings.label_studio_url, studio_id)
        if project is None:
            return
        counts = pool.counts(session, project.id)
        reasons = embedding_queue.errors(session, project.id, limit=1)
    if project.error:
        ago = time.time() - project.error_at
        yield failed(what, f"{project.error} ({project.failures} times, last {ago:.0f} s ago)")
    if project.order_note:
        yield warning(what, project.order_note)
    for reason in reasons.values():
        of = f"{counts.failed_images} of {counts.tasks}"
        yield warning(what, f"{of} images cannot be used, one of them so: {reason}")


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
            try:
                load_image(loader, task.task_id, spec.address(task.data), spec.data_key)
            except FisherMaskError as error:
                yield failed("image", str(error))
            else:
                yield ok("image", f"of task {task.task_id} is read")
