"""What the audit labels said of each round, kept with it."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy.orm import Session

from fishermask_backend.store import rounds
from fishermask_backend.store.schema import Round

DETAILS = {"per_class", "confusion", "calibration"}  # of which the newest are wanted alone


def note(session: Session, round_id: int, audit: Sequence[Mapping[str, Any]]) -> None:
    """Keep what the audit labels say of a round; of rounds before it, no more than the curve needs.

    Args:
        session: An open transaction.
        round_id: The round.
        audit: Of each control `control`, `accuracy` (`learning/estimate.py`) and `forecast`.
    """
    own = session.get_one(Round, round_id)
    own.audit = [*audit]
    newer = {each["control"] for each in audit}
    for past in rounds.history(session, own.project_id):
        if past.audit and past.number < own.number:
            past.audit = [_brief(each) if each["control"] in newer else each for each in past.audit]


def _brief(each: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {name: value for name, value in each["accuracy"].items() if name not in DETAILS}
    return {**each, "accuracy": kept}
