"""What a person is told about a project's labels, beside those that are not learnt."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from fishermask_backend.controls.reading import CONTROL_ITSELF, nothing_chosen
from fishermask_backend.store.schema import Annotation, GroundTruth, Project, Task

IMPORTED = {
    "hand": "each counts as one vote, and only stars that people set decide (GROUND_TRUTH=hand)",
    "all": "each decides its task, whatever people say there (GROUND_TRUTH=all)",
    "none": "each counts as one vote, as all annotations do (GROUND_TRUTH=none)",
}


def label_notes(session: Session, project: Project) -> list[str]:
    """Return sentences about what a project's annotations mean here, where that is not plain."""
    return [
        *_empty(session, project),
        *_imported(session, project),
        *_asked_later(session, project),
    ]


def _empty(session: Session, project: Project) -> list[str]:
    count = session.scalar(
        select(func.count()).where(
            Annotation.project_id == project.id,
            Annotation.not_learnt == nothing_chosen(project.control_name),
        )
    )
    if not count:
        return []
    return [
        f"{count} annotations were submitted with nothing chosen in {project.control_name!r}, so their "
        "tasks are done without a label. Delete these annotations in Label Studio, and the tasks come "
        'back into the queue; required="true" on the control refuses such submissions.'
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
    count = session.scalar(
        select(func.count()).where(Task.project_id == project.id, Task.answer.like('{"classes"%'))
    )
    if not count:
        return []
    since = (project.asked_since or {}).get(project.control_name, {})
    later = [name for name, at in since.items() if at > 0 and name != CONTROL_ITSELF]
    shown = ", ".join(map(repr, later[:5])) + (", …" if len(later) > 5 else "")
    return [
        f"{count} tasks were labelled before {shown} could be chosen: whether they have it is unknown, "
        "not denied. Open and update them to say so."
    ]
