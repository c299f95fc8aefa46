"""What the soaks have to show, held against what they measured."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from .aftermath import flaws

ROUTES = {"/health": 150, "/setup": 150, "/webhook": 150, "/predict": 300}  # p99, milliseconds
SUBMIT, CLICKS = 50, 30  # milliseconds more than without a backend, median of so many at least
BUSY = 0.5  # Label Studio is read and told of orders for the rest
GROWTH = 0.2  # MB a round: what a machine's noise makes of 200 rounds that hold the same
LAST = 3  # where projects take turns, the last waits twice as long as the one in the middle
NO_QUEUE = 0.01
REQUESTS, ROUNDS, MOMENTS, CHANGED = 10_000, 200, 30, 1000
ANSWERS_FLAWS = (
    "unexpected", "labels_lost", "labels_invented", "tasks_lost", "tasks_invented", "odd_entries_left",
)  # fmt: skip

Measured = dict[str, Any]


@dataclass(frozen=True)
class Promise:
    """One of them.

    Attributes:
        text: What is promised, with its bound.
        measured: As text.
        kept: Whether it holds.
    """

    text: str
    measured: str
    kept: bool


def latency(found: Measured) -> Iterator[Promise]:
    """Nobody waits for a backend that trains."""
    training, submits = found["requests"]["training"], found["submits"]
    yield Promise(
        f"rounds compute for more than {BUSY:.0%} of what is called training",
        f"{found['busy']:.0%}",
        found["busy"] > BUSY,
    )
    sent = sum(timed["requests"] for timed in training.values())
    failures = sum(timed["failures"] for timed in training.values())
    yield Promise(
        "2,000 requests while it trains, none fails",
        f"{sent}, {failures} failed",
        sent >= 2000 and not failures,
    )
    for route, most in ROUTES.items():
        p99 = training[route]["p99"]
        yield Promise(f"{route} while it trains: p99 below {most} ms", f"{p99:.0f} ms", p99 < most)
    alone = submits["no backend"]["median"]
    for when in ("fetching images", "idle", "training"):
        more = submits[f"backend {when}"]["median"] - alone
        yield Promise(
            f"«Submit», backend {when}: less than {SUBMIT} ms slower than without, median",
            f"{more:+.0f} ms",
            more < SUBMIT and submits[f"backend {when}"]["clicks"] >= CLICKS,
        )


def kills(found: Measured) -> Iterator[Promise]:
    """Nothing is lost."""
    moments, rounds, wrong = len(found["kills"]), found["rounds"], flaws(found)
    yield Promise(
        f"{MOMENTS} kills over 10 rounds: nothing lost, doubled or left behind",
        f"{moments} kills, {rounds} rounds, {', '.join(wrong) or 'nothing'}",
        moments >= MOMENTS and rounds >= 10 and not wrong,
    )


def faults(tests: int, bad: int) -> Iterator[Promise]:
    """What breaks is told, and mends itself."""
    yield Promise(
        "every fault is told and recovered from",
        f"{tests} tests, {bad} failed or skipped",
        tests > 0 and not bad,
    )


def fuzz(found: Measured) -> Iterator[Promise]:
    """Bad requests are refused."""
    bad = server_errors(found)
    yield Promise(
        f"{REQUESTS:,} bad requests: no answer of 500 and above",
        f"{found['requests']:,}, {bad}",
        found["requests"] >= REQUESTS and not bad,
    )


def answers(found: Measured) -> Iterator[Promise]:
    """Nothing that Label Studio hands out stops a project."""
    wrong = [flaw.replace("_", " ") for flaw in ANSWERS_FLAWS if found[flaw]]
    yield Promise(
        f"{CHANGED:,} changed answers of Label Studio's: no unexpected error, nothing lost or invented",
        f"{found['changed']:,}, {', '.join(wrong) or 'nothing'}",
        found["changed"] >= CHANGED and found["labels"] >= found["looks"] and not wrong,
    )


def server_errors(found: Measured) -> int:
    """How many bad requests were answered by 500 and above."""
    return sum(n for name, n in found["answers"].items() if int(name.rpartition(" ")[2]) >= 500)


def crowd(found: Measured) -> Iterator[Promise]:
    """Many people and projects."""
    many = found["projects"]
    last = many["first_queue_last"] / many["first_queue_median"]
    yield Promise(
        f"{many['count']} projects connected at once: the last has its queue after less than {LAST} "
        "times the median",
        f"{last:.1f} times",
        last < LAST,
    )
    ordered, alone = found["people"], found["people without a backend"]
    twice, before = (p["twice"] / p["served"] for p in (ordered, alone))
    yield Promise(
        f"{ordered['people']} people: no more tasks served twice than Label Studio does alone, "
        "but for chance",
        f"{twice:.1%}, {before:.1%} alone",
        twice - before <= 2 * _chance(ordered, alone),
    )
    share = ordered["of_no_queue"] / ordered["served"]
    yield Promise(
        "every task is of a queue, but where one takes over from another: fewer than 1%",
        f"{share:.1%}",
        share < NO_QUEUE,
    )
    refused = sum(ordered["refused"].values())
    yield Promise(
        "a queue that does not run dry, and nobody is told that the project is done",
        f"dry for {ordered['dry']} of {ordered['served']} tasks, {refused} told so",
        not ordered["dry"] and not refused,
    )


def _chance(*parts: Measured) -> float:
    """Return the standard error of the difference between two shares of tasks served twice."""
    share = sum(p["twice"] for p in parts) / sum(p["served"] for p in parts)
    return math.sqrt(share * (1 - share) * sum(1 / p["served"] for p in parts))


def memory(found: Measured) -> Iterator[Promise]:
    """Flat over rounds."""
    for process in ("worker", "web"):
        growth = found[process]["mb_a_round"]
        yield Promise(
            f"{process}: less than {GROWTH} MB more a round, of {ROUNDS}",
            f"{growth:+.3f} MB",
            growth < GROWTH and found["rounds"] >= ROUNDS,
        )
