"""A project's tasks and labels, as they were last read from Label Studio."""

import random
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Text, cast, delete, func, insert, select, update
from sqlalchemy.orm import Session

from fishermask_backend.labeling import Answer, LabelSpec, answer_text, resolve
from fishermask_backend.store.batches import batches
from fishermask_backend.store.schema import (
    Annotation,
    Project,
    Round,
    Score,
    ScoreRequest,
    Task,
)

RECENT_SECONDS = 7 * 86400.0


@dataclass(frozen=True)
class Counts:
    """How far a project is: tasks known, embedded, whose image failed, labelled, and pending."""

    tasks: int
    embedded: int
    failed_images: int
    labelled: int
    pending: int
    tied: int
    broken_images: int


def counts(session: Session, project_id: int) -> Counts:
    """Count a project's tasks."""
    changed = Task.answer.is_distinct_from(Task.trained)
    row = session.execute(
        select(
            func.count(),
            func.count(Task.row),
            func.count(Task.image_error),
            func.count(Task.answer),
            func.count().filter(changed, Task.row.is_not(None)),
            func.count().filter(Task.tied),
            func.count().filter(Task.image_broken),
        ).where(Task.project_id == project_id)
    ).one()
    return Counts(*row)


def put_tasks(
    session: Session,
    project: Project,
    tasks: Sequence[tuple[int, str]],
    rng: random.Random,
) -> None:
    """Insert or refresh tasks: (id, image address). A changed address forgets the old image."""
    known = tasks_by_id(session, project.id, [task_id for task_id, _ in tasks])
    new, changed = [], []
    for task_id, image in dict(tasks).items():
        task = known.get(task_id)
        if task is None:
            new.append(
                {
                    "project_id": project.id,
                    "task_id": task_id,
                    "image": image,
                    "seen_pass": project.pass_number,
                    "shuffle": rng.random(),
                }
            )
            continue
        task.seen_pass = project.pass_number
        if task.image != image:
            changed.append(task_id)
            task.image, task.row, task.trained = image, None, None
            task.image_error, task.image_tries, task.image_retry_at = None, 0, 0.0
            task.image_broken = False
    _forget_scores(session, project.id, changed)
    if new:
        session.execute(insert(Task), new)


def _forget_scores(session: Session, project_id: int, ids: Sequence[int]) -> None:
    """Forget what rounds thought of images that are no longer these tasks'."""
    of_project = select(Round.id).where(Round.project_id == project_id)
    for batch in batches(ids):
        session.execute(
            delete(Score).where(Score.round_id.in_(of_project), Score.task_id.in_(batch))
        )


def tasks_by_id(session: Session, project_id: int, ids: Sequence[int]) -> dict[int, Task]:
    """Return the known ones of these tasks."""
    found: dict[int, Task] = {}
    for batch in batches(ids):
        query = select(Task).where(Task.project_id == project_id, Task.task_id.in_(batch))
        found.update({task.task_id: task for task in session.scalars(query)})
    return found


def delete_tasks(session: Session, project_id: int, ids: Sequence[int]) -> None:
    """Forget tasks that Label Studio no longer has, with their annotations and scores.

    Label Studio on SQLite gives a deleted task's id to another one.
    """
    _forget_scores(session, project_id, ids)
    for batch in batches(ids):
        for table in (Annotation, Task, ScoreRequest):
            session.execute(
                delete(table).where(table.project_id == project_id, table.task_id.in_(batch))
            )


def unseen(session: Session, project: Project) -> list[int]:
    """Return the tasks that the pass just finished did not meet: deleted ones."""
    return list(
        session.scalars(
            select(Task.task_id).where(
                Task.project_id == project.id, Task.seen_pass < project.pass_number
            )
        )
    )


def put_annotations(
    session: Session,
    project: Project,
    spec: LabelSpec,
    annotations: Mapping[int, Sequence[Mapping[str, Any]]],
) -> None:
    """Replace the annotations of these tasks (known already) and resolve what they now say.

    Args:
        session: An open transaction.
        project: Their project.
        spec: How to read an annotation.
        annotations: Task id to all of its annotations, as rows of the table.
    """
    ids = list(annotations)
    known = tasks_by_id(session, project.id, ids)
    rows: dict[int, dict[str, Any]] = {}
    own = [a["annotation_id"] for of_task in annotations.values() for a in of_task]
    # By their own ids, too: whatever is handed out twice, or of another task, must not stop us.
    for column, values in ((Annotation.task_id, ids), (Annotation.annotation_id, own)):
        for batch in batches(values):
            session.execute(
                delete(Annotation).where(Annotation.project_id == project.id, column.in_(batch))
            )
    for task_id, task in known.items():
        mine = [Annotation(project_id=project.id, **a) for a in annotations[task_id]]
        _settle(task, mine, spec)
        whys = [a.not_learnt for a in mine]
        for a, why in zip(annotations[task_id], whys, strict=True):
            rows[a["annotation_id"]] = {"project_id": project.id, **a, "not_learnt": why}
    if rows:
        session.execute(insert(Annotation), list(rows.values()))


def resolve_all(session: Session, project: Project, spec: LabelSpec) -> None:
    """Read every annotation again: the labelling config has changed."""
    by_task: dict[int, list[Annotation]] = {}
    for a in session.scalars(select(Annotation).where(Annotation.project_id == project.id)):
        by_task.setdefault(a.task_id, []).append(a)
    for task_id, task in tasks_by_id(session, project.id, list(by_task)).items():
        _settle(task, by_task[task_id], spec)


def _settle(task: Task, annotations: Sequence[Annotation], spec: LabelSpec) -> None:
    kept = [a for a in annotations if not a.skipped]
    answers: list[Answer] = []
    for a in annotations:
        reading = None if a.skipped else spec.read(a.result)
        a.not_learnt = None if reading is None else reading.not_learnt
        if reading is not None and reading.classes is not None:
            answers.append(Answer(reading.classes, a.ground_truth, a.updated_at))
    target = resolve(answers)
    task.annotated = bool(kept)
    task.skipped_by = sorted({a.annotator for a in annotations if a.skipped}) or None
    task.answer = None if target is None else answer_text(target.classes)
    task.tied = target is not None and target.tied


def embedded(session: Session, project_id: int) -> Sequence[Task]:
    """Return every task whose image is embedded, by id: the pool."""
    return session.scalars(
        select(Task)
        .where(Task.project_id == project_id, Task.row.is_not(None))
        .order_by(Task.task_id)
    ).all()


def annotated(session: Session, project_id: int) -> list[tuple[Task, list[Annotation]]]:
    """Return every task that has annotations (skips too), by id, with them."""
    by_task: dict[int, list[Annotation]] = {}
    query = select(Annotation).where(Annotation.project_id == project_id)
    for a in session.scalars(query.order_by(Annotation.annotation_id)):
        by_task.setdefault(a.task_id, []).append(a)
    tasks = tasks_by_id(session, project_id, sorted(by_task))
    return [(tasks[i], by_task[i]) for i in sorted(tasks)]


def recent_annotators(session: Session, project_id: int) -> frozenset[int]:
    """Return who annotated or skipped anything here in the last week."""
    since = seconds_ago(RECENT_SECONDS)
    return frozenset(
        session.scalars(
            select(Annotation.annotator)
            .where(
                Annotation.project_id == project_id,
                Annotation.updated_at >= since,
                Annotation.annotator != 0,  # nobody knows who
            )
            .distinct()
        )
    )


def seconds_ago(seconds: float) -> str:
    """Return a moment as Label Studio writes it, to compare with `Annotation.updated_at`."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(time.time() - seconds))


def servable(task: Task, skip_queue: str, annotators: Iterable[int]) -> bool:
    """Say whether Label Studio would still serve a task to somebody.

    A partly annotated task counts as labelled. A skip counts as the project's `skip_queue` says: by
    default a task is gone for those who skipped it, so one skipped by all who annotate here is out
    until somebody else comes.
    """
    if task.annotated:
        return False
    if not task.skipped_by or skip_queue == "REQUEUE_FOR_ME":
        return True
    if skip_queue == "IGNORE_SKIPPED":
        return False
    return not set(annotators) <= set(task.skipped_by)


def embedded_candidates(session: Session, project: Project) -> int:
    """Count the tasks that a round could choose from now; skipped ones only if there are no others."""
    bare = Task.project_id == project.id, Task.row.is_not(None), ~Task.annotated
    never_skipped = session.scalar(
        select(func.count()).where(
            *bare, func.coalesce(cast(Task.skipped_by, Text), "null") == "null"
        )
    )
    if never_skipped:
        return never_skipped
    annotators = recent_annotators(session, project.id)
    return sum(
        servable(task, project.skip_queue, annotators)
        for task in session.scalars(select(Task).where(*bare))
    )


def unlearnt(session: Session, project_id: int) -> bool:
    """Say whether a label differs from what the last round was trained on, embedded or not."""
    changed = Task.answer.is_distinct_from(Task.trained)
    query = select(Task.task_id).where(
        Task.project_id == project_id, changed, Task.image_error.is_(None)
    )
    return session.scalar(query.limit(1)) is not None


def note_trained(session: Session, project_id: int, answers: Mapping[int, str]) -> None:
    """Remember on which labels the round just computed was trained."""
    session.execute(
        update(Task)
        .where(Task.project_id == project_id, Task.trained.is_not(None))
        .values(trained=None)
    )
    rows = [
        {"project_id": project_id, "task_id": task_id, "trained": answer}
        for task_id, answer in answers.items()
    ]
    if rows:
        session.execute(update(Task), rows)
