"""From image addresses to rows of the inputs file: fetched once, a few at a time, decoded once."""

import logging
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from fishermask_backend.controls import image
from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images import ImageLoader, ImageUnreachable
from fishermask_backend.images.decoding import Picture
from fishermask_backend.images.kept import is_digest
from fishermask_backend.images.thumbnails import Thumbnails, thumbnail
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.inputs import InputsUnusable, RowStore
from fishermask_backend.settings import Settings
from fishermask_backend.state import CACHES, INPUTS, THUMBNAILS
from fishermask_backend.store import embedding_queue, pool, projects, rounds
from fishermask_backend.store.schema import Project, Task
from fishermask_backend.studio import Studio
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

EMBEDDING_SECONDS = 20.0  # fetching and embedding, before labels are looked at again
IMAGES_A_BATCH = 64

Outcome = Picture | ImageUnavailable  # an image, or why there is none


def open_inputs(work: Work, backbone: Backbone) -> RowStore:
    """Open the project's inputs file; another backbone or image size begins a new one."""
    project = work.project()
    model_dir = work.settings.model_dir
    path = model_dir / INPUTS.named(project=project.id, key=backbone.key)
    shape, dtype = backbone.row_shape, backbone.row_dtype
    if project.inputs_key == backbone.key:
        try:
            return RowStore(path, shape, dtype, committed=project.next_row)
        except InputsUnusable as error:
            log.warning("%s: %s", work.name, error)
    with work.begin() as session:
        embedding_queue.forget_rows(session, projects.get(session, project.id), backbone.key)
    for kind in CACHES:
        for old in model_dir.glob(kind.pattern(project=project.id)):
            old.unlink()
    return RowStore.fresh(path, shape, dtype)


def open_loader(
    settings: Settings, studio: Studio, image_size: int, interpolation: str = "bicubic"
) -> ImageLoader:
    """Return what loads the images of Label Studio's tasks, as the settings allow."""
    return ImageLoader(
        label_studio_url=settings.label_studio_url,
        authorization=studio.authorization,
        # Its annotators wait for the same server; images elsewhere disturb nobody.
        own_at_a_time=(settings.fetch_concurrency + 1) // 2,
        image_size=image_size,
        interpolation=interpolation,
        allowed_hosts=settings.allowed_image_hosts,
        max_bytes=settings.max_image_bytes,
        max_pixels=settings.max_image_pixels,
        timeout=settings.image_timeout,
    )


def embed(work: Work, backbone: Backbone, inputs: RowStore, loader: ImageLoader) -> None:
    """Embed images for at most about twenty seconds, and no longer while /predict waits.

    Images asked for come first, and those that failed before last: where a whole batch of them fails
    again, others get their turn. What has begun by then is waited for, `IMAGE_TIMEOUT` at most: that
    is all a host that hardly answers costs others.
    """
    began, done, failed = time.monotonic(), 0, 0
    project = work.project()
    end = began + EMBEDDING_SECONDS
    threads = work.settings.fetch_concurrency
    fetchers = ThreadPoolExecutor(threads, thread_name_prefix="fetch")
    try:
        while time.monotonic() < end:
            with work.store.read() as session:
                tasks = embedding_queue.next_to_embed(session, work.project_id, IMAGES_A_BATCH)
                counts = pool.counts(session, work.project_id)
                asked = rounds.requested(session, work.project_id)
            if not tasks:
                return
            work.progress("embedding images", counts.embedded, counts.tasks)
            loaded = fetchers.map(
                lambda task: _load(work.studio, loader, project, task, end), tasks
            )
            pairs = zip(tasks, loaded, strict=True)
            outcomes = [(task, found) for task, found in pairs if found is not None]
            _keep(work, backbone, inputs, outcomes)
            done += len(outcomes)
            lost = sum(isinstance(found, ImageUnavailable) for _, found in outcomes)
            failed += lost
            embedded = min(counts.tasks, counts.embedded + len(outcomes) - lost)
            work.progress("embedding images", embedded, counts.tasks)
            in_vain = all(isinstance(found, ImageUnavailable) for _, found in outcomes)
            if asked or (in_vain and all(task.image_tries for task in tasks)):
                return
    finally:
        if done:
            log.info(
                "%s: embedded %s images, %s failed, in %.1f s",
                work.name, done - failed, failed, time.monotonic() - began,
            )  # fmt: skip
        fetchers.shutdown(wait=False, cancel_futures=True)  # a stop does not wait for downloads


def illustrate(work: Work, loader: ImageLoader, task_ids: Sequence[int]) -> None:
    """Make the thumbnails that tasks lack: their images were embedded before there were any.

    It takes no longer than embedding may, and what cannot be had is left out.
    """
    project, end = work.project(), time.monotonic() + EMBEDDING_SECONDS
    thumbnails = _thumbnails(work)
    with work.store.read() as session:
        tasks = pool.tasks_by_id(session, work.project_id, task_ids)
    by_row = {task.row: task for task in tasks.values() if task.row is not None}
    missing = sorted(by_row.keys() - thumbnails.there(by_row))
    with ThreadPoolExecutor(work.settings.fetch_concurrency) as fetchers:
        loaded = fetchers.map(
            lambda row: _load(work.studio, loader, project, by_row[row], end), missing
        )
        found = {
            row: thumbnail(each.pixels, *each.shape)
            for row, each in zip(missing, loaded, strict=True)
            if isinstance(each, Picture)
        }
    thumbnails.put(found)
    if found:
        log.info("%s: made thumbnails of %s images embedded before", work.name, len(found))


def load_image(loader: ImageLoader, task_id: int, address: str, data_key: str) -> Picture:
    """Load a task's image.

    Raises:
        ImageUnavailable: It cannot be had, or the task's data hold no address where `data_key` says.
    """
    if not address:
        raise ImageUnavailable(
            f"Task {task_id}: its data hold no single image address at {image.shown(data_key)!r}, "
            "where the labelling config's <Image> looks; correct the config, or the task."
        )
    return loader.load(address, task_id=task_id)


def whole_address(studio: Studio, project: int, task: int, key: str, address: str) -> str:
    """Return a task's image address, asked of Label Studio again where only its digest was kept.

    Args:
        studio: Opened.
        project: The project's id in Label Studio.
        task: The task's.
        key: The field of its data that names the image.
        address: As it is kept.
    """
    if not is_digest(address):
        return address
    return image.address(studio.task_data(project, task), key)


def _load(
    studio: Studio, loader: ImageLoader, project: Project, task: Task, end: float
) -> Outcome | None:
    """Load a task's image; None if its turn comes after the end, by the monotonic clock."""
    if time.monotonic() > end:
        return None
    ids = (project.studio_id, task.task_id)
    try:
        address = whole_address(studio, *ids, project.data_key, task.image)
        return load_image(loader, task.task_id, address, project.data_key)
    except ImageUnavailable as error:
        return error


def _thumbnails(work: Work) -> Thumbnails:
    return Thumbnails(work.settings.model_dir / THUMBNAILS.named(project=work.project_id))


def _keep(
    work: Work,
    backbone: Backbone,
    inputs: RowStore,
    outcomes: Sequence[tuple[Task, Outcome]],
) -> None:
    pictures = {
        task.task_id: outcome
        for task, outcome in outcomes
        if not isinstance(outcome, ImageUnavailable)
    }
    # Rows first, then the database: a row no task points at is free to be written again.
    numbers: dict[int, int] = {}
    start = work.project().next_row
    if pictures:
        rows = backbone.rows(np.stack([picture.pixels for picture in pictures.values()]))
        numbers = dict(zip(pictures, inputs.append(start, rows), strict=True))
        _thumbnails(work).put(
            {numbers[i]: thumbnail(each.pixels, *each.shape) for i, each in pictures.items()}
        )
    with work.begin() as session:
        projects.get(session, work.project_id).next_row = start + len(numbers)
        current = pool.tasks_by_id(session, work.project_id, [t.task_id for t, _ in outcomes])
        for task, outcome in outcomes:
            now = current.get(task.task_id)
            if now is None or now.image != task.image:
                continue  # deleted, or changed while it was fetched
            if isinstance(outcome, ImageUnavailable):
                broken = not isinstance(outcome, ImageUnreachable)
                embedding_queue.fail(now, str(outcome), broken=broken)
                log.warning("%s: %s", work.name, outcome)
            else:
                now.row, now.image_error = numbers[task.task_id], None
                now.image_cut_short = outcome.cut_short
                if outcome.cut_short:
                    log.info("%s: the image of task %s is cut short", work.name, task.task_id)
