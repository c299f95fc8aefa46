"""The curve over labels: what audits say of each round, and what labels that came later say."""

from collections.abc import Mapping, Sequence
from typing import Any

from fishermask_backend.web.agreement import Agreement

Figures = list[float | None]


def curve(rounds: Sequence[Mapping[str, Any]]) -> dict[str, Figures]:
    """Return the curve's figures, a column a kind, a row a number of labels, ascending.

    Args:
        rounds: As the status tells them, oldest first. A round whose accuracy was audited has it
            under `audit`, with `overall` and `interval`.

    Returns:
        `labels`, then accuracy and the ends of its 95 % interval: `audit`, `audit_low`,
        `audit_high`, and of later labels `later`, `later_low`, `later_high`; None where unknown.
    """
    newest = {each["labels"]: each for each in rounds}  # of rounds with as many labels
    rows = [(labels, *_audit(newest[labels]), *_later(newest[labels])) for labels in sorted(newest)]
    names = (
        "labels", "audit", "audit_low", "audit_high", "later", "later_low", "later_high",
    )  # fmt: skip
    return {name: [row[i] for row in rows] for i, name in enumerate(names)}


def _audit(told: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    audit = told.get("audit")
    if not audit or audit.get("overall") is None:
        return None, None, None
    low, high = audit["interval"]
    return audit["overall"], low, high


def _later(told: Mapping[str, Any]) -> tuple[float | None, float | None, float | None]:
    checked, share = told["later_labels"], told["accuracy"]
    if not checked or share is None:
        return None, None, None
    low, high = Agreement(checked, round(share * checked)).interval
    return share, round(max(0.0, low), 3), round(min(1.0, high), 3)
