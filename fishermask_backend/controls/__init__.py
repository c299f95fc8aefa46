"""The tags of a labelling config that can be learnt: what they offer, and how results spell it."""

from fishermask_backend.controls.choices import Choices
from fishermask_backend.controls.control import Control, Misfit, Unreadable

__all__ = ["CONTROLS", "Choices", "Control", "Misfit", "Unreadable"]

CONTROLS: tuple[type[Control], ...] = (Choices,)
