"""One project: what it has to learn, its images, and how the last step went."""

import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from fishermask_backend.commands.doctor.findings import Finding, failed, ok, warning
from fishermask_backend.controls.question import Question
from fishermask_backend.errors import FisherMaskError
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.project_settings import settings_of
from fishermask_backend.settings import Settings
from fishermask_backend.store import embedding_queue, open_store, pool, projects
from fishermask_backend.store.not_learnt import not_learnt
from fishermask_backend.store.notes import label_notes
from fishermask_backend.store.odd_entries import odd_entries
from fishermask_backend.studio import Studio
from fishermask_backend.studio.records import LARGEST_ID
from fishermask_backend.worker.embedding import load_image, open_loader, whole_address

CLASSES = 20  # named
IMAGES = 3  # of the first 500, evenly spaced
SIDE = 64  # pixels that they are resized to: whether they can be had and read is the question


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
    for question in spec.questions:
        more = len(question.classes) - CLASSES
        classes = ", ".join(question.classes[:CLASSES]) + (f" and {more} more" if more > 0 else "")
        yield ok(
            what, f"«{remote.title}»: the control {question.control!r} is learnt, of {classes}"
        )
        yield from _asked(question, what)
    for note in spec.set_aside:
        yield warning(what, note)
    yield from _last_step(settings, studio_id, what, told=spec.set_aside)
    yield from _images(settings, studio, studio_id, spec)


def _asked(question: Question, what: str) -> Iterator[Finding]:
    """Say what of a control makes labels or pre-labels get lost."""
    control, spelling = question.control, question.spelling
    if not question.prelabelled:
        yield warning(
            what,
            f"Label Studio takes no pre-labels for the control {control!r}: the order works, but "
            "nothing is pre-checked",
            "remove leafsOnly from the <Taxonomy>, or TAXONOMY_LEVEL",
        )
    if question.likelihood == "categorical" and not question.presence.required:
        yield warning(
            what,
            f"the control {control!r} may be submitted empty: the hotkey of a class that is "
            "pre-labelled unchecks it, and «Submit» then stores nothing, without a word",
            f'add required="true" to <{spelling.tag} name="{control}">',
        )
    if spelling.singly:
        yield warning(
            what,
            f'the control {control!r} has allowNested="true": Label Studio drops its pre-labels '
            "from an import, so each is sent by itself, a quarter of a second each",
            "remove allowNested where no choice is inside another",
        )


def _params(settings: Settings, studio_id: int) -> dict[str, Any] | None:
    with open_store().read() as session:
        project = projects.find(session, settings.label_studio_url, studio_id)
        return None if project is None else project.params


def _last_step(
    settings: Settings, studio_id: int, what: str, told: Sequence[str]
) -> Iterator[Finding]:
    with open_store().read() as session:
        project = projects.find(session, settings.label_studio_url, studio_id)
        if project is None:
            return
        counts = pool.counts(session, project.id)
        reasons = embedding_queue.errors(session, project.id, limit=1)
        unlearnt = not_learnt(session, project.id).sentence
        cut_short = embedding_queue.cut_short(session, project.id, limit=3)
        notes = label_notes(session, project)
    if project.error:
        ago = time.time() - project.error_at
        yield failed(what, f"{project.error} ({project.failures} times, last {ago:.0f} s ago)")
    if project.params_note:
        yield warning(what, project.params_note)
    if project.order_note:
        yield warning(what, project.order_note)
    if unlearnt:
        yield warning(what, unlearnt, f"`fishermask status --json {studio_id}` names more of them")
    for note in (odd_entries(project).sentence, *notes):
        if note and note not in told:
            yield warning(what, note)
    if cut_short:
        yield warning(
            what,
            f"{counts.cut_short_images} images are cut short, and what is there is learnt from (of "
            f"task {', '.join(map(str, cut_short))}{', …' * (counts.cut_short_images > 3)})",
            "import them anew, whole",
        )
    for reason in reasons.values():
        of = f"{counts.failed_images} of {counts.tasks} images cannot be had"
        given_up = f"({counts.broken_images} are given up, the others tried again)"
        yield warning(what, f"{of} {given_up}, one of them so: {reason}")


def _images(
    settings: Settings, studio: Studio, studio_id: int, spec: LabelSpec
) -> Iterator[Finding]:
    try:
        tasks = studio.tasks_between(studio_id, "tasks", 0, LARGEST_ID).tasks
    except FisherMaskError as error:
        yield failed("image", str(error))
        return
    if not tasks:
        yield warning("image", f"project {studio_id} has no tasks", "import some")
        return
    with closing(open_loader(settings, studio, SIDE)) as loader:
        for task in tasks[:: -(-len(tasks) // IMAGES)]:
            try:
                address = whole_address(
                    studio, studio_id, task.task_id, spec.data_key, spec.address(task.data)
                )
                load_image(loader, task.task_id, address, spec.data_key)
            except FisherMaskError as error:
                yield failed("image", str(error))
            else:
                yield ok("image", f"of task {task.task_id} is read")
