"""What annotations say of several controls at once; each is read and voted on by itself.

A control that an annotation leaves out has all of its classes unasked there, and one that no annotation
answers has them unasked in the task's answer: such a task is labelled for the other controls alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from fishermask_backend.controls.consensus import Answer, Target, resolve
from fishermask_backend.controls.heads import Head
from fishermask_backend.controls.reading import Reading


def read_together(readings: Mapping[Head, Reading]) -> Reading:
    """Return what an annotation says of all controls.

    A control left out beside one that is answered is nothing odd: its question may have been optional,
    or asked where another answer calls for it.

    Args:
        readings: What it says of each; of one alone that is all there is to say.
    """
    if len(readings) == 1:
        return next(iter(readings.values()))
    answered = {head: r for head, r in readings.items() if r.classes is not None}
    named = {head: r for head, r in readings.items() if not r.left_out}
    classes: set[str] = set()
    unasked: set[str] = set()
    for head, reading in readings.items():
        classes.update(map(head.name, reading.classes or ()))
        unasked.update(head.names if reading.classes is None else map(head.name, reading.unasked))
    why = tuple(dict.fromkeys(r.unanswered for r in (named or readings).values() if r.unanswered))
    oddities = _oddities(readings)
    return Reading(
        frozenset(classes) if answered else None,
        oddities + why if oddities else (),
        "" if oddities else "; ".join(why),
        frozenset(unasked) if answered else frozenset(),
    )


def _oddities(readings: Mapping[Head, Reading]) -> tuple[str, ...]:
    """Return what could not be read, with the control's name before what is odd of it alone."""
    of_all = set.intersection(*(set(r.oddities) for r in readings.values()))
    told = [
        oddity if oddity in of_all else f"{head.control!r}, {oddity}"
        for head, reading in readings.items()
        for oddity in reading.oddities
    ]
    return tuple(dict.fromkeys(told))


def resolve_together(
    answers: Sequence[Answer], heads: Sequence[Head]
) -> tuple[Target | None, list[str]]:
    """Make one target of several annotations, control by control.

    Args:
        answers: The task's annotations that answer some control, in any order.
        heads: All controls.

    Returns:
        The target, None without answers; and the controls on which annotators disagree with equal
        votes.
    """
    targets: dict[Head, Target | None] = {}
    for head in heads:
        names = frozenset(head.names)
        own = [
            a if head.alone else replace(a, classes=a.classes & names, unasked=a.unasked & names)
            for a in answers
            if head.asked(a.unasked)
        ]
        targets[head] = resolve(own, several=head.likelihood == "bernoulli")
    found = {head: target for head, target in targets.items() if target is not None}
    if not found:
        return None, []
    tied = [head.control for head, target in found.items() if target.tied]
    left_open = frozenset(
        name for head, target in targets.items() if target is None for name in head.names
    )
    return Target(
        frozenset().union(*(target.classes for target in found.values())),
        bool(tied),
        left_open.union(*(target.unasked for target in found.values())),
        any(target.disputed for target in found.values()),
    ), tied
