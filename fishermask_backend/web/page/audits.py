"""What audit labels say of the unlabelled rest, and what more labels would bring; a control each."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fishermask_backend.controls.heads import Head


@dataclass(frozen=True)
class Audit:
    """What is known of a control.

    Attributes:
        control: Its name; empty where it is the only one.
        accuracy: Of the unlabelled rest, as the status tells it; None without audit labels.
        forecast: What more labels are expected to bring; None while that cannot be said.
    """

    control: str
    accuracy: Mapping[str, Any] | None
    forecast: Mapping[str, Any] | None

    def name(self, own: str) -> str:
        """Return what a class is called among those of all controls."""
        return Head(self.control, (), "categorical", alone=not self.control).name(own)


def audits(status: Mapping[str, Any]) -> list[Audit]:
    """Return what a project's status tells of them."""
    controls = status.get("controls")
    if controls:
        return [Audit(c["control"], c.get("audit"), c.get("forecast")) for c in controls]
    accuracy = status["accuracy"]
    known = accuracy if isinstance(accuracy, Mapping) else None
    return [Audit("", known, status.get("forecast"))]
