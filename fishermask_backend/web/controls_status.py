"""What is told by control, of a project that learns several; of one there is no more to tell."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from fishermask_backend.store import by_control
from fishermask_backend.store.schema import Project, Round
from fishermask_backend.web.agreement import Agreement, agreements_by_control, recent, rounded
from fishermask_backend.web.audit_status import audit_status


def controls_status(session: Session, project: Project, history: Sequence[Round]) -> dict[str, Any]:
    """Return `controls`, a project's labels and how well they are predicted, by control."""
    agreed = agreements_by_control(history)
    found = by_control.labels(session, project)
    return (
        {"controls": [_control(own, agreed.get(own.control, []), history) for own in found]}
        if found
        else {}
    )


def round_controls(r: Round) -> dict[str, Any]:
    """Return `controls`, those that a round was to learn, and whether it could."""
    if r.heads is None:
        return {}
    return {
        "controls": [
            {
                "control": head["control"],
                "classes": head["classes"],
                "learnt": head.get("trained", False),
                "later_labels": head.get("checked", 0),
                "accuracy": rounded(Agreement(head.get("checked", 0), head.get("agreed", 0)).share),
            }
            for head in r.heads
        ]
    }


def _control(
    own: by_control.Labels, agreed: Sequence[Agreement], history: Sequence[Round]
) -> dict[str, Any]:
    last = recent(agreed)[0]
    audit, forecast = audit_status(history, own.control)
    return {
        "control": own.control,
        "labelled": own.labelled,
        "unanswered": own.unanswered,
        "tied_tasks": own.tied,
        "labels": own.classes,
        "later_labels": last.checked,
        "accuracy": rounded(last.share),
        "audit": audit,
        "forecast": forecast,
    }
