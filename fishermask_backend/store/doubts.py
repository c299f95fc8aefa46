"""Labels that look wrong: listed after a round, until somebody has looked at them.

A doubt is open until an annotation of its task is saved or added; if the label is the same then, it was
confirmed, and is not listed again while it stays the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fishermask_backend.controls.consensus import answer_text, classes_of, unasked_of
from fishermask_backend.controls.heads import Head, read_head
from fishermask_backend.store import pool
from fishermask_backend.store.batches import batches
from fishermask_backend.store.schema import Annotation, Doubt, Project, Task

MOST = 200  # open ones that are kept, all controls together


@dataclass(frozen=True)
class Listed:
    """A label that looks wrong, as a round found it.

    Attributes:
        task_id: Label Studio's.
        head: The control.
        learnt: The task's answer that the round has learnt.
        quality: cleanlab's.
        guess: What a pre-label would name.
        probabilities: Of the classes of label and guess.
    """

    task_id: int
    head: Head
    learnt: str
    quality: float
    guess: Sequence[str]
    probabilities: Mapping[str, float]


def note(session: Session, project: Project, round_number: int, found: Sequence[Listed]) -> None:
    """Keep what a round doubts, in place of what the rounds before did.

    Args:
        session: An open transaction.
        project: Whose labels.
        round_number: The round.
        found: The worst first.
    """
    kept = _kept(session, project.id)
    ids = sorted({own.task_id for own in found} | {doubt.task_id for doubt in kept})
    tasks, newest = pool.tasks_by_id(session, project.id, ids), _newest(session, project.id, ids)
    settled = set()
    for doubt in kept:
        if _is_of(doubt, tasks.get(doubt.task_id), project) and _answered(doubt, newest):
            settled.add((doubt.task_id, doubt.control))
        else:
            session.delete(doubt)
    session.flush()
    opened = 0
    for own in found:
        task, control = tasks.get(own.task_id), "" if own.head.alone else own.head.control
        stale = task is None or task.answer != own.learnt  # it has changed while the round computed
        if stale or (own.task_id, control) in settled:
            continue
        session.add(
            Doubt(
                project_id=project.id, task_id=own.task_id, control=control,
                answer=part(own.learnt, own.head), saved_at=newest.get(own.task_id, ""),
                round_number=round_number, place=opened, quality=own.quality, guess=[*own.guess],
                probabilities={**own.probabilities},
            )
        )  # fmt: skip
        opened += 1
        if opened == MOST:
            break


def open_doubts(session: Session, project: Project) -> list[Doubt]:
    """Return the doubts that nobody has answered yet, the worst first."""
    kept = _kept(session, project.id)
    ids = sorted({doubt.task_id for doubt in kept})
    tasks, newest = pool.tasks_by_id(session, project.id, ids), _newest(session, project.id, ids)
    return [
        doubt
        for doubt in kept
        if _is_of(doubt, tasks.get(doubt.task_id), project) and not _answered(doubt, newest)
    ]


def _is_of(doubt: Doubt, task: Task | None, project: Project) -> bool:
    """Say whether it is about the label that the task has now."""
    head = _head(project, doubt.control)
    if task is None or task.answer is None or head is None:
        return False
    return doubt.answer == part(task.answer, head)


def _answered(doubt: Doubt, newest: Mapping[int, str]) -> bool:
    return newest.get(doubt.task_id, "") > doubt.saved_at


def part(answer: str, head: Head) -> str:
    """Return what a task's answer says of a control."""
    if head.alone:
        return answer
    return answer_text(head.own(classes_of(answer)), head.own(unasked_of(answer)))


def _head(project: Project, control: str) -> Head | None:
    """Return a control of a project, empty for one that is alone; None if it is no more."""
    stored = {head["control"]: read_head(head) for head in project.heads or ()}
    return stored.get(control) if stored or control else Head("", (), "categorical", alone=True)


def _kept(session: Session, project_id: int) -> Sequence[Doubt]:
    query = select(Doubt).where(Doubt.project_id == project_id)
    return session.scalars(query.order_by(Doubt.place, Doubt.task_id, Doubt.control)).all()


def _newest(session: Session, project_id: int, ids: Sequence[int]) -> dict[int, str]:
    """Return when annotations of tasks were last saved, as Label Studio writes it."""
    found: dict[int, str] = {}
    for batch in batches(ids):
        query = select(Annotation.task_id, func.max(Annotation.updated_at).label("at")).where(
            Annotation.project_id == project_id, Annotation.task_id.in_(batch)
        )
        rows = session.execute(query.group_by(Annotation.task_id)).all()
        found.update({row.task_id: row.at for row in rows})
    return found
