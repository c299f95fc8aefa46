"""What a task's annotations, as they are stored, make of the task."""

from collections.abc import Sequence

from fishermask_backend.controls.consensus import Answer, answer_text
from fishermask_backend.controls.together import resolve_together
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.store.schema import Annotation, GroundTruth, Project, Task


def settle(
    project: Project, task: Task, annotations: Sequence[Annotation], spec: LabelSpec
) -> None:
    """Let a task's annotations say what it is, and each why it is not learnt, if so.

    Args:
        project: Whose stars decide, and since when what is asked.
        task: Is changed.
        annotations: All of its; their `not_learnt` is set.
        spec: How to read them.
    """
    kept = [a for a in annotations if not a.skipped]
    answers: list[Answer] = []
    for a in annotations:
        a.not_learnt = None
        if a.skipped:
            continue
        reading = spec.read(
            a.result,
            updated_at=a.updated_at,
            imported=bool(a.imported),
            since=project.asked_since,
        )
        a.not_learnt = reading.not_learnt
        if reading.classes is not None:
            decides = a.ground_truth and _star_counts(project.ground_truth, a)
            answers.append(
                Answer(reading.classes, decides, a.updated_at, a.annotator, reading.unasked)
            )
    target, ties = resolve_together(answers, spec.heads)
    task.annotated = bool(kept)
    task.skipped_by = sorted({a.annotator for a in annotations if a.skipped}) or None
    task.answer = None if target is None else answer_text(target.classes, target.unasked)
    task.tied = bool(ties)
    task.disputed = target is not None and target.disputed
    task.tied_in = ties if ties and len(spec.heads) > 1 else None


def _star_counts(rule: GroundTruth, annotation: Annotation) -> bool:
    """Say whether a star decides: Label Studio gives every imported annotation one."""
    return rule == "all" or (rule == "hand" and not annotation.imported)
