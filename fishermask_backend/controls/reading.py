"""Results of annotations, as anybody may have imported them, in the terms of what is learnt.

Label Studio takes any JSON for a result. What is not as its editor writes it is left out and told, so
that one such annotation concerns its own task alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any

from fishermask_backend.controls.control import Control, Unreadable, shown

TOLD = 3  # oddities of one annotation


@dataclass(frozen=True)
class Reading:
    """What an annotation's result says.

    Attributes:
        classes: Those it names; None if it answers nothing.
        oddities: What of it could not be read, in words.
    """

    classes: frozenset[str] | None
    oddities: tuple[str, ...] = ()

    @property
    def not_learnt(self) -> str | None:
        """Why the annotation is not learnt as it is, in words that many may share; None if it is."""
        if not self.oddities:
            return None
        more = len(self.oddities) - TOLD
        return "; ".join(self.oddities[:TOLD]) + (f"; and {more} more" if more > 0 else "")


def read_result(result: Any, name: str, control: Control) -> Reading:
    """Read what a result says of one control.

    A multiple-choice result without a region is an answer: none of the classes; but not if there are
    regions that could not be read. A single choice of a class that the config no longer has is no
    answer.

    Args:
        result: Any JSON.
        name: The control's name.
        control: Its classes, and how regions name them.
    """
    if not isinstance(result, list):
        return Reading(None, (f"the result is {shown(result)}, not a list",))
    named: list[list[str]] = []
    oddities: list[str] = []
    for number, region in enumerate(result, start=1):
        if not isinstance(region, dict):
            oddities.append(f"region {number} is {shown(region)}, not an object")
        elif region.get("from_name") == name:
            try:
                named.append(_named(region, control))
            except Unreadable as odd:
                oddities.append(f"region {number}: {odd}")
    known = frozenset(chain.from_iterable(named)).intersection(control.classes)
    answered = (named or not oddities) if control.several else len(known) == 1
    return Reading(known if answered else None, tuple(oddities))


def _named(region: Mapping[str, Any], control: Control) -> list[str]:
    kind, value = region.get("type"), region.get("value")
    if kind != control.type:
        raise Unreadable(f"type is {shown(kind)}, not {control.type!r}")
    if not isinstance(value, dict):
        raise Unreadable(f"value is {shown(value)}, not an object")
    return control.read(value)
