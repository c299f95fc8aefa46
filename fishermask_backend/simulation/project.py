"""What people have labelled in a project of Label Studio, read over its API."""

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fishermask_backend.controls.consensus import classes_of
from fishermask_backend.images import ImageLoader
from fishermask_backend.images.decoding import Square
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.settings import Settings
from fishermask_backend.simulation import SimulationImpossible
from fishermask_backend.simulation.data import Images, Pixels
from fishermask_backend.store.schema import Annotation, Project, Task
from fishermask_backend.store.settling import settle
from fishermask_backend.studio import Studio, StudioTask
from fishermask_backend.worker.access import with_key
from fishermask_backend.worker.embedding import load_image, open_loader


def from_project(
    studio_id: int, settings: Settings, show: Callable[[int, int], None] = lambda done, of: None
) -> Images:
    """Return a project's labelled tasks, each with what its annotations say together.

    Args:
        studio_id: The project's id in Label Studio.
        settings: Where Label Studio is, the key, and how a config and its annotations are read.
        show: Called with the tasks read so far, and all.

    Raises:
        FisherMaskError: Label Studio can't be read, or the project has no labels to learn from.
    """
    if not settings.label_studio_api_key:
        raise SimulationImpossible(
            "--project needs a key: set LABEL_STUDIO_API_KEY to a token from Account & Settings, "
            "Personal Access Token."
        )
    studio = with_key(settings, settings.label_studio_api_key)
    remote = studio.project(studio_id)
    spec = settings.read_config(remote.label_config)
    if len(spec.questions) > 1:
        names = ", ".join(question.control for question in spec.questions)
        raise SimulationImpossible(
            f"--project {studio_id}: it learns several controls ({names}), and simulations know one. "
            "Name it by CONTROL_NAME."
        )
    if spec.likelihood != "categorical":
        raise SimulationImpossible(
            f"--project {studio_id}: an image of it may have several classes, and simulations know one "
            "class an image. Where another control asks for one class, name it by CONTROL_NAME."
        )
    labelled = _labelled(studio, studio_id, settings, spec, show)
    classes = [name for name in spec.classes if any(name == answer for _, answer in labelled)]
    if len(classes) < 2:
        raise SimulationImpossible(
            f"--project {studio_id}: its labelled tasks are of {len(classes)} classes; at least two "
            "are needed. Label some images first."
        )
    tasks = [task for task, _ in labelled]
    addresses = [spec.address(task.data) for task in tasks]
    return Images(
        f"project {studio_id}, «{remote.title}»",
        f"{settings.label_studio_url} {studio_id} {remote.created}",
        classes,
        np.array([classes.index(answer) for _, answer in labelled], dtype=np.int64),
        [f"task {task.task_id}" for task in tasks],
        [f"task {task.task_id} {of}" for task, of in zip(tasks, addresses, strict=True)],
        _pixels(settings, studio, tasks, spec),
        addresses.__getitem__,
    )


def _labelled(
    studio: Studio,
    studio_id: int,
    settings: Settings,
    spec: LabelSpec,
    show: Callable[[int, int], None],
) -> list[tuple[StudioTask, str]]:
    """Return the tasks that have a class, with it."""
    found: dict[int, tuple[StudioTask, str]] = {}
    for seen, (task, total) in enumerate(_annotated(studio, studio_id), start=1):
        show(seen, total)
        answer = _answer(task, settings, spec)
        if answer is not None:
            found[task.task_id] = task, answer
    return [found[task_id] for task_id in sorted(found)]


def _annotated(studio: Studio, studio_id: int) -> Iterator[tuple[StudioTask, int]]:
    """Yield the annotated tasks by id, and how many there are."""
    total, first, last = studio.extent(studio_id, "annotated")
    while first <= last:
        page = studio.tasks_between(studio_id, "annotated", first, last)
        if not page.tasks:
            return
        yield from ((task, total) for task in page.tasks)
        first = max(task.task_id for task in page.tasks) + 1


def _answer(task: StudioTask, settings: Settings, spec: LabelSpec) -> str | None:
    """Return the class that a task's annotations say together, as rounds see it; None for none."""
    project = Project(ground_truth=settings.ground_truth, asked_since=None)
    kept = Task(task_id=task.task_id)
    annotations = [Annotation(**_as_row(a)) for a in task.annotations]
    settle(project, kept, annotations, spec)
    named = [] if kept.answer is None else classes_of(kept.answer)
    return named[0] if len(named) == 1 else None


def _as_row(annotation: dict[str, Any]) -> dict[str, Any]:
    columns = Annotation.__table__.columns.keys()
    return {name: value for name, value in annotation.items() if name in columns}


def _pixels(
    settings: Settings, studio: Studio, tasks: Sequence[StudioTask], spec: LabelSpec
) -> Pixels:
    @cache
    def loader(square: Square) -> ImageLoader:
        return open_loader(settings, studio, square.side, square.interpolation)

    def load(index: int, square: Square) -> NDArray[np.uint8]:
        task = tasks[index]
        address = spec.address(task.data)
        return load_image(loader(square), task.task_id, address, spec.data_key).pixels

    return load
