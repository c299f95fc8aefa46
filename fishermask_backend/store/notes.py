"""What a person is told about a project's labels, beside those that are not learnt."""

from collections.abc import Iterable, Mapping

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fishermask_backend.controls.reading import CONTROL_ITSELF
from fishermask_backend.store import by_control
from fishermask_backend.store.schema import Annotation, GroundTruth, Project, Task
from fishermask_backend.store.to_review import nothing_was_chosen

IMPORTED = {
    "hand": "each counts as one vote, and only stars that people set decide (GROUND_TRUTH=hand)",
    "all": "each decides its task, whatever people say there (GROUND_TRUTH=all)",
    "none": "each counts as one vote, as all annotations do (GROUND_TRUTH=none)",
}


def label_notes(session: Session, project: Project) -> list[str]:
    """Return sentences about what a project's annotations mean here, where that is not plain."""
    return [
        *(project.set_aside or ()),
        *_empty(session, project),
        *_unanswered(session, project),
        *_imported(session, project),
        *_asked_later(session, project),
    ]


def _empty(session: Session, project: Project) -> list[str]:
    names = [head["control"] for head in project.heads or ()] or [project.control_name]
    count = session.scalar(select(func.count()).where(nothing_was_chosen(project)))
    if not count:
        return []
    return [
        f"{count} annotations were submitted with nothing chosen in {_listed(names)}, so their "
        "tasks are done without a label. Delete these annotations in Label Studio, and the tasks come "
        'back into the queue; required="true" on the control refuses such submissions.'
    ]


def _unanswered(session: Session, project: Project) -> list[str]:
    """Say which controls that nothing hides are left out where others are answered."""
    since = project.asked_since or {}
    return [
        f"{labels.unanswered} labelled tasks say nothing of {labels.control!r}: they are learnt from "
        'for the other controls alone. required="true" on the control refuses such submissions.'
        for labels in by_control.labels(session, project)
        if labels.unanswered and CONTROL_ITSELF in since.get(labels.control, {})
    ]


def _imported(session: Session, project: Project) -> list[str]:
    count = session.scalar(
        select(func.count()).where(
            Annotation.project_id == project.id,
            Annotation.imported,
            Annotation.ground_truth,
            Annotation.skipped.is_(False),
        )
    )
    if not count:
        return []
    rule: GroundTruth = project.ground_truth
    return [
        f"{count} imported annotations have the star of ground truth, which Label Studio gives to "
        f"imports unless the file says otherwise: {IMPORTED[rule]}."
    ]


def _asked_later(session: Session, project: Project) -> list[str]:
    if project.heads:  # there a control left out has classes unasked, too
        since = project.asked_since or {}
        found = by_control.labels(session, project)
        return [n for own in found for n in _before(own.partly, since.get(own.control, {}))]
    count = session.scalar(
        select(func.count()).where(Task.project_id == project.id, Task.answer.like('{"classes"%'))
    )
    return _before(count, (project.asked_since or {}).get(project.control_name, {}))


def _before(count: int | None, since: Mapping[str, float]) -> list[str]:
    if not count:
        return []
    later = [name for name, at in since.items() if at > 0 and name != CONTROL_ITSELF]
    shown = _listed(later[:5]) + (", …" if len(later) > 5 else "")
    return [
        f"{count} tasks were labelled before {shown} could be chosen: whether they have it is unknown, "
        "not denied. Open and update them to say so."
    ]


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
