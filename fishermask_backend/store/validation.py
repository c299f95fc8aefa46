"""Progressive validation: how often the pre-labels of a queue were what people then said.

Each label counts once, when it is first read: for the round whose queue served when it was given, and
which so was not trained on it. It counts if the task stood in that queue and the order was ours.

- Labels of an older queue (a page was open while the next queue came) and of tasks opened by hand do
  not count: nobody knows which pre-label was on the screen, or FisherMask did not ask.
- Skips and answers of no class are no labels, and count nothing; where several classes may be chosen,
  none is an answer.
- An answer that is changed later, or withdrawn and given anew, counts as it was first read.
- Imported annotations do not count, nor does whatever was labelled before the first queue.
- By annotator (`Task.first_by`, `Task.expected`) those count whose first answer one person alone gave.

They are labels of what the strategy asks for, the hard images as a rule: how well the classifier does
on the others is for the audit to say (`learning/estimate.py`). Its labels are those, by the same rules,
of tasks that the queue had drawn at random; one that is changed later counts there as it is now.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from fishermask_backend.controls.consensus import classes_of, unasked_of
from fishermask_backend.controls.heads import Head, StoredHead
from fishermask_backend.controls.question import decided
from fishermask_backend.store import rounds
from fishermask_backend.store.batches import batches
from fishermask_backend.store.by_control import learnt
from fishermask_backend.store.rounds import class_probabilities
from fishermask_backend.store.schema import Annotation, Project, Queue, Round, Task


def compare(session: Session, project: Project, task_ids: Sequence[int]) -> None:
    """Compare the answers among these tasks that are read for the first time.

    Args:
        session: An open transaction.
        project: Their project.
        task_ids: Tasks whose annotations were just read.
    """
    of_queue: dict[int, tuple[Queue, list[Task]]] = {}
    for task, given in _first_answers(session, project, task_ids):
        task.compared, task.first_by = True, _one_person(given)
        moment = _moment(given)
        queue = _serving(session, project.id, moment) if _is_ours(project) else None
        if queue is not None and task.task_id in queue.task_ids:
            if task.task_id in (queue.audit or ()):
                task.audit = session.get_one(Round, queue.round_id).number
            of_queue.setdefault(queue.id, (queue, []))[1].append(task)
    for queue, tasks in of_queue.values():
        _count(session, session.get_one(Round, queue.round_id), tasks)


def _is_ours(project: Project) -> bool:
    """Say whether tasks are served in FisherMask's order, as the worker last saw it."""
    former = project.former
    return former is not None and former.get("set", True) and not project.order_note


def _first_answers(
    session: Session, project: Project, task_ids: Sequence[int]
) -> list[tuple[Task, list[Annotation]]]:
    """Return the tasks that are answered now and never were, with the annotations that say so."""
    session.flush()
    found: list[tuple[Task, list[Annotation]]] = []
    for batch in batches(task_ids):
        query = select(Task).where(
            Task.project_id == project.id,
            Task.task_id.in_(batch),
            Task.answer.is_not(None),
            ~Task.compared,
        )
        tasks = {task.task_id: task for task in session.scalars(query)}
        given: dict[int, list[Annotation]] = {}
        for a in session.scalars(
            select(Annotation).where(
                Annotation.project_id == project.id,
                Annotation.task_id.in_(tasks),
                ~Annotation.skipped,
            )
        ):
            given.setdefault(a.task_id, []).append(a)
        found += [(task, given.get(i, [])) for i, task in tasks.items()]
    return found


def _one_person(annotations: Sequence[Annotation]) -> int | None:
    """Return who gave a task's annotations, if it was one person alone."""
    people = {0 if a.imported else a.annotator for a in annotations}
    return (people.pop() or None) if len(people) == 1 else None


def _moment(annotations: Sequence[Annotation]) -> float:
    """Return when a task's first annotation was given, seconds since 1970; 0 if nobody gave it."""
    times = [a.updated_at for a in annotations]
    if not all(times) or any(a.imported for a in annotations):
        return 0.0
    return min(map(_seconds, times), default=0.0)


def _seconds(written: str) -> float:
    when = datetime.fromisoformat(written)
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp()


def _serving(session: Session, project_id: int, moment: float) -> Queue | None:
    """Return the queue that served at a time."""
    query = select(Queue).where(Queue.project_id == project_id, Queue.active_at <= moment)
    queue = session.scalars(query.order_by(Queue.active_at.desc()).limit(1)).first()
    if queue is None or (queue.superseded_at is not None and queue.superseded_at <= moment):
        return None
    return queue


def _count(session: Session, source: Round, tasks: Sequence[Task]) -> None:
    """Add labels to what is known of the round whose queue has brought them."""
    scores = rounds.scores_of(session, source.id, [task.task_id for task in tasks])
    heads = learnt(source)
    own: dict[str, StoredHead] = {head["control"]: {**head} for head in source.heads or ()}
    for task in tasks:
        probabilities = class_probabilities(source, scores.get(task.task_id))
        right = _right(heads, task.answer or "", probabilities) if probabilities else {}
        if not right:
            continue
        task.expected = all(right.values())
        source.checked += 1
        source.agreed += task.expected
        for head, well in right.items():
            if head.control in own:
                stored = own[head.control]
                stored["checked"] = stored.get("checked", 0) + 1
                stored["agreed"] = stored.get("agreed", 0) + well
    if source.heads is not None:
        source.heads = [*own.values()]


def _right(
    heads: Sequence[Head], answer: str, probabilities: Mapping[str, float]
) -> dict[Head, bool]:
    """Say for each control that was answered whether the pre-label is the answer."""
    labels, unasked = set(classes_of(answer)), set(unasked_of(answer))
    found = {}
    for head in heads:
        if head.asked(unasked):
            own = {name: probabilities[name] for name in head.names}
            guess = set(decided(own, head.likelihood))
            said = labels if head.alone else labels.intersection(head.names)
            found[head] = guess - unasked == said
    return found
