"""Tasks that somebody should look at again, whatever a classifier thinks of their labels."""

from collections.abc import Sequence

from sqlalchemy import ColumnElement, func, or_, select
from sqlalchemy.orm import Session

from fishermask_backend.controls.reading import nothing_chosen
from fishermask_backend.store.schema import Annotation, Project, Task


def tied(session: Session, project_id: int, most: int) -> tuple[Sequence[Task], int]:
    """Return the first tasks on which annotators disagree with equal votes, and how many there are."""
    return _first(session, [Task.project_id == project_id, Task.tied.is_(True)], most)


def disputed(session: Session, project_id: int, most: int) -> tuple[Sequence[Task], int]:
    """Return the same of tasks where a majority decides, with whom nobody has agreed since."""
    ours = Task.project_id == project_id, Task.disputed.is_(True), Task.tied.is_(False)
    return _first(session, ours, most)


def submitted_empty(session: Session, project: Project, most: int) -> tuple[Sequence[Task], int]:
    """Return the same of tasks with an annotation in which nothing was chosen."""
    empty = select(Annotation.task_id).where(nothing_was_chosen(project))
    return _first(session, [Task.project_id == project.id, Task.task_id.in_(empty)], most)


def nothing_was_chosen(project: Project) -> ColumnElement[bool]:
    """Return the condition on a project's annotations that nothing was chosen in them."""
    names = [head["control"] for head in project.heads or ()] or [project.control_name]
    nothing = Annotation.not_learnt == nothing_chosen(names[0])
    if len(names) > 1:
        nothing = or_(
            *(Annotation.not_learnt.startswith(nothing_chosen(n), autoescape=True) for n in names)
        )
    return (Annotation.project_id == project.id) & nothing


def _first(
    session: Session, conditions: Sequence[ColumnElement[bool]], most: int
) -> tuple[Sequence[Task], int]:
    found = select(Task).where(*conditions).order_by(Task.task_id)
    tasks = session.scalars(found.limit(most)).all()
    if len(tasks) < most:
        return tasks, len(tasks)
    return tasks, session.scalar(select(func.count()).select_from(found.subquery())) or 0
