"""Results of annotations, as anybody may have imported them, in the terms of what is learnt.

Label Studio takes any JSON for a result. What is not as its editor writes it is left out and told, so
that one such annotation concerns its own task alone.

An answer is what was asked and answered. A multiple choice left empty says «none of the classes» only
if it was asked: its control was in the config and always shown. Of classes that came into the config
after an annotation was last saved, it says nothing.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import chain
from math import inf
from typing import Any

from fishermask_backend.controls.control import Control, Unreadable, shown
from fishermask_backend.controls.presence import ANYHOW, Presence

TOLD = 3  # oddities of one annotation
CONTROL_ITSELF = ""  # among the classes of `Asking.since`; no class is called so


@dataclass(frozen=True)
class Asking:
    """What was asked of whoever made an annotation; without arguments: all that there is now.

    Attributes:
        since: When each class came into the config; under CONTROL_ITSELF when its control did. Those
            not named were always there.
        at: When the annotation was last saved.
        imported: It was imported, and nobody has saved it here.
        presence: How the config asks for the control.
    """

    since: Mapping[str, float] = field(default_factory=dict)
    at: float = inf
    imported: bool = False
    presence: Presence = ANYHOW


@dataclass(frozen=True)
class Reading:
    """What an annotation's result says.

    Attributes:
        classes: Those it names; None if it answers nothing.
        oddities: What of it could not be read, in words.
        unanswered: Why it answers nothing, if nothing of it is odd.
        unasked: Classes that it says nothing of.
    """

    classes: frozenset[str] | None
    oddities: tuple[str, ...] = ()
    unanswered: str = ""
    unasked: frozenset[str] = frozenset()

    @property
    def not_learnt(self) -> str | None:
        """Why the annotation is not learnt as it is, in words that many may share; None if it is."""
        if not self.oddities:
            return self.unanswered or None
        more = len(self.oddities) - TOLD
        return "; ".join(self.oddities[:TOLD]) + (f"; and {more} more" if more > 0 else "")


def read_result(result: Any, name: str, control: Control, asking: Asking | None = None) -> Reading:
    """Read what a result says of one control.

    Args:
        result: Any JSON.
        name: The control's name.
        control: Its classes, and how regions name them.
        asking: What was asked; None: all that there is.
    """
    if not isinstance(result, list):
        return Reading(None, (f"the result is {shown(result)}, not a list",))
    asking = asking or Asking()
    named: list[list[str]] = []
    others: set[str] = set()
    oddities: list[str] = []
    for number, region in enumerate(result, start=1):
        if not isinstance(region, dict):
            oddities.append(f"region {number} is {shown(region)}, not an object")
        elif region.get("from_name") == name:
            try:
                named.append(_named(region, control))
            except Unreadable as odd:
                oddities.append(f"region {number}: {odd}")
        elif isinstance(region.get("from_name"), str):
            others.add(region["from_name"])
    names = list(chain.from_iterable(named))
    why = _unanswered(name, control, names, bool(named), others, asking)
    if oddities and (not named or why):
        return Reading(None, tuple(oddities))
    if why:
        return Reading(None, unanswered=why)
    known = frozenset(names).intersection(control.classes)
    return Reading(known, tuple(oddities), unasked=_unasked(known, control, asking))


def nothing_chosen(name: str) -> str:
    """Say that an annotation was submitted empty."""
    return f"nothing was chosen in {name!r}"


def _unanswered(
    name: str,
    control: Control,
    names: Sequence[str],
    regions: bool,
    others: Set[str],
    asking: Asking,
) -> str:
    """Say why a result that could be read answers nothing; empty if it answers.

    Args:
        name: The control's name.
        control: What it offers.
        names: What the result names in it.
        regions: Whether the result has a region of it at all.
        others: Other controls that the result has regions of.
        asking: What was asked.
    """
    known = set(names).intersection(control.classes)
    if names and not known:
        return _unknown_class(name, names[0], control.classes)
    if len(known) > 1 and not control.several:
        return f"it names {len(known)} classes of the single choice {name!r}"
    if known or (regions and control.several):
        return ""
    present = asking.presence.controls
    foreign = others - (others if present is None else present)
    if foreign or (asking.imported and others):
        which = min(foreign or others)
        return f"it names the control {shown(which).removeprefix('the text ')}; {name!r} is learnt"
    if asking.presence.hidden:
        return f"nothing was chosen in {name!r}, which visibleWhen may have hidden"
    if asking.at < asking.since.get(CONTROL_ITSELF, 0.0):
        return f"it was saved before {name!r} was shown to everybody"
    return "" if control.several else nothing_chosen(name)


def _unknown_class(name: str, given: str, classes: Sequence[str]) -> str:
    meant = next((c for c in classes if c.strip().lower() == given.strip().lower()), "")
    hint = f" (which has {shown(meant).removeprefix('the text ')})" if meant else ""
    return f"it names {shown(given).removeprefix('the text ')}, no class of {name!r}{hint}"


def _unasked(known: Set[str], control: Control, asking: Asking) -> frozenset[str]:
    """Return the classes that came later; whoever named one has seen all that came with it."""
    if not control.several:
        return frozenset()
    seen = max([asking.at, *(asking.since.get(name, 0.0) for name in known)])
    return frozenset(c for c in control.classes if asking.since.get(c, 0.0) > seen)


def _named(region: Mapping[str, Any], control: Control) -> list[str]:
    kind, value = region.get("type"), region.get("value")
    if kind != control.type:
        raise Unreadable(f"type is {shown(kind)}, not {control.type!r}")
    if not isinstance(value, dict):
        raise Unreadable(f"value is {shown(value)}, not an object")
    return control.read(value)
