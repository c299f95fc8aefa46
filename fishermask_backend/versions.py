"""The names under which this backend appears in Label Studio.

Rounds and queues are versions `fishermask-<round>[.<n>]`; events carry a header of ours.
"""

PREFIX = "fishermask-"
NO_ROUND = PREFIX + "0"  # what /setup answers before the first round
_DIGITS = 9
PROJECT_HEADER = "X-FisherMask-Project"  # of an event that is sent without its project


def version(number: int, nth: int) -> str:
    """Return the version of a round's n-th queue, from 1."""
    return f"{PREFIX}{number}" + (f".{nth}" if nth > 1 else "")


def number_of(name: str) -> int:
    """Return the round number in a version of ours; 0 for any other text."""
    head = name.removeprefix(PREFIX).split(".")[0]
    return _count(head) if name.startswith(PREFIX) else 0


def nth_of(name: str, number: int) -> int:
    """Return which queue of the round `number` a version names; 0 if it names none of it."""
    if number_of(name) != number:
        return 0
    nth = name.partition(".")[2]
    return _count(nth) or 1


def is_ours(name: str | None) -> bool:
    """Say whether a model version was published by this backend."""
    return name == NO_ROUND or number_of(name or "") > 0


def _count(text: str) -> int:
    # Others may call their versions anything; Python reads no number of thousands of digits.
    return int(text) if text.isdecimal() and len(text) <= _DIGITS else 0
