"""The tags of a labelling config that can be learnt: what they offer, and how results spell it."""

from fishermask_backend.controls.choices import Choices
from fishermask_backend.controls.control import Control, Leveled, Misfit, Unreadable
from fishermask_backend.controls.rating import Rating
from fishermask_backend.controls.taxonomy import Taxonomy

__all__ = [
    "CONTROLS",
    "Choices",
    "Control",
    "Leveled",
    "Misfit",
    "Rating",
    "Taxonomy",
    "Unreadable",
]

# A config that has several of them is learnt by the first of the first kind.
CONTROLS: tuple[type[Control], ...] = (Choices, Taxonomy, Rating)
