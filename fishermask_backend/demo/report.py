"""What a simulation shows: the table, and whether the order served was the published one."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from fishermask_backend.demo.annotator import Place

ENOUGH_ROUNDS = 3
COLUMNS = (
    "round",
    "labels",
    "held-out accuracy",
    "seconds",
    "label → order, s",
    "served",
    "first of its queue",
    "locked before",
    "elsewhere",
)

Places = Mapping[int | None, Counter[Place]]


def table(
    rounds: Sequence[Mapping[str, Any]], accuracies: Mapping[int, float], places: Places
) -> str:
    """Return a Markdown table with a row a round, and one for tasks served before there was a queue.

    Args:
        rounds: The backend's finished rounds.
        accuracies: Held-out accuracy by round number.
        places: How many tasks were served from where, by round number.
    """
    by_number = {int(each["number"]): each for each in rounds}
    numbers = sorted(by_number.keys() | {number for number in places if number is not None})
    rows = [_row(number, by_number.get(number, {}), accuracies, places) for number in numbers]
    if None in places:
        rows.append(["none", *[""] * 4, *_served(places[None])])
    total: Counter[Place] = sum(places.values(), Counter())
    rows.append(["all", *[""] * 4, *_served(total)])
    return "\n".join(_line(row) for row in (COLUMNS, ["---"] * len(COLUMNS), *rows))


def _row(
    number: int, each: Mapping[str, Any], accuracies: Mapping[int, float], places: Places
) -> list[str]:
    seconds = sum(each["seconds"].values()) if each.get("seconds") else None
    return [
        f"{number} (cold start)" if each.get("acquisition") == "cold start" else str(number),
        str(each.get("labels", "")),
        f"{accuracies[number]:.3f}" if number in accuracies else "",
        _seconds(seconds),
        _seconds(each.get("trigger_to_order_seconds")),
        *_served(places.get(number, Counter())),
    ]


def _served(counts: Counter[Place]) -> list[str]:
    return [str(counts.total()), *(str(counts[place]) for place in Place)]


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def complaints(rounds: Sequence[Mapping[str, Any]], places: Places) -> list[str]:
    """Why the simulation did not show what it should; empty if it did."""
    found = []
    elsewhere = sum(counts[Place.ELSEWHERE] for counts in places.values())
    if elsewhere:
        found.append(f"{elsewhere} tasks were served that were not first in the current queue.")
    learnt = sum(1 for each in rounds if each["weights"])
    if learnt < ENOUGH_ROUNDS:
        found.append(f"{learnt} rounds learnt from labels; at least {ENOUGH_ROUNDS} should have.")
    return found
