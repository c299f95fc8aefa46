"""A project's tasks and labels, as they were last read from Label Studio."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from fishermask_backend.images.kept import same_image
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.store.batches import batches
from fishermask_backend.store.schema import (
    Annotation,
    Doubt,
    Project,
    Round,
    Score,
    ScoreRequest,
    Task,
)
from fishermask_backend.store.settling import settle


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
    cut_short_images: int


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
            func.count().filter(Task.image_cut_short, Task.row.is_not(None)),
        ).where(Task.project_id == project_id)
    ).one()
    return Counts(*row)


def put_tasks(
    session: Session,
    project: Project,
    tasks: Sequence[tuple[int, str]],
    rng: random.Random,
) -> None:
    """Insert or refresh tasks: (id, image address as `kept`). Another image forgets the old one."""
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
        before, task.image = task.image, image
        if not same_image(before, image):
            changed.append(task_id)
            task.row, task.trained, task.audit = None, None, None
            task.image_error, task.image_tries, task.image_retry_at = None, 0, 0.0
            task.image_broken = task.image_cut_short = False
    _forget_scores(session, project.id, changed)
    if new:
        session.execute(insert(Task), new)


def _forget_scores(session: Session, project_id: int, ids: Sequence[int]) -> None:
    """Forget what rounds thought of images that are no longer these tasks', and of their labels."""
    of_project = select(Round.id).where(Round.project_id == project_id)
    for batch in batches(ids):
        session.execute(
            delete(Score).where(Score.round_id.in_(of_project), Score.task_id.in_(batch))
        )
        session.execute(
            delete(Doubt).where(Doubt.project_id == project_id, Doubt.task_id.in_(batch))
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


def seen(session: Session, project: Project) -> int:
    """Count the tasks that the pass in progress has met."""
    mine = Task.project_id == project.id, Task.seen_pass == project.pass_number
    return session.scalar(select(func.count()).where(*mine)) or 0


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
        settle(project, task, mine, spec)
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
        settle(project, task, by_task[task_id], spec)


def embedded(session: Session, project_id: int) -> Sequence[Task]:
    """Return every task whose image is embedded, by id: the pool."""
    return session.scalars(
        select(Task)
        .where(Task.project_id == project_id, Task.row.is_not(None))
        .order_by(Task.task_id)
    ).all()


def every_task(session: Session, project_id: int) -> Sequence[Task]:
    """Return every task, by id."""
    query = select(Task).where(Task.project_id == project_id)
    return session.scalars(query.order_by(Task.task_id)).all()


def annotated(session: Session, project_id: int) -> list[tuple[Task, list[Annotation]]]:
    """Return every task that has annotations (skips too), by id, with them."""
    by_task: dict[int, list[Annotation]] = {}
    query = select(Annotation).where(Annotation.project_id == project_id)
    for a in session.scalars(query.order_by(Annotation.annotation_id)):
        by_task.setdefault(a.task_id, []).append(a)
    tasks = tasks_by_id(session, project_id, sorted(by_task))
    return [(tasks[i], by_task[i]) for i in sorted(tasks)]


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
