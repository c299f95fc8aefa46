"""Are we learning? What the labels that queues have brought say about the rounds before them."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from fishermask_backend.store.schema import Round

ROUNDS = 3  # of which the labels are taken together: those of one round are few
Z = 1.96  # 95 %


@dataclass(frozen=True)
class Agreement:
    """How many labels were compared with pre-labels made before them, and how many agreed."""

    checked: int
    agreed: int

    @property
    def share(self) -> float | None:
        """The part that agreed; None without labels."""
        return self.agreed / self.checked if self.checked else None

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's 95 % interval of that part."""
        n, p = self.checked, self.agreed / self.checked
        centre = p + Z * Z / (2 * n)
        half = Z * sqrt(p * (1 - p) / n + Z * Z / (4 * n * n))
        return (centre - half) / (1 + Z * Z / n), (centre + half) / (1 + Z * Z / n)


def agreements(history: Sequence[Round]) -> list[Agreement]:
    """Return what the labels of each round's queues say of it; of the latest, as far as they came."""
    return [Agreement(r.checked, r.agreed) for r in history]


def agreements_by_control(history: Sequence[Round]) -> dict[str, list[Agreement]]:
    """Return the same for each control of the latest round; of rounds that had it, oldest first."""
    if not history or history[-1].heads is None:
        return {}
    return {
        head["control"]: [
            Agreement(own.get("checked", 0), own.get("agreed", 0))
            for r in history
            for own in r.heads or ()
            if own["control"] == head["control"]
        ]
        for head in history[-1].heads
    }


def recent(found: Sequence[Agreement]) -> tuple[Agreement, Agreement]:
    """Take the labels of the last three rounds together, and those of the three before."""
    some = [a for a in found if a.checked]
    return _sum(some[-ROUNDS:]), _sum(some[-2 * ROUNDS : -ROUNDS])


def learning(found: Sequence[Agreement]) -> str:
    """Say how the last rounds did, and whether better than those before, in one sentence."""
    last, before = recent(found)
    if not last.checked:
        return "No label has come yet that a queue had asked for with a pre-label."
    low, high = last.interval
    text = (
        f"Of the last {last.checked} labels that the queue asked for, the hard ones as a rule, "
        f"{last.share:.0%} were predicted ({low:.0%} – {high:.0%})"
    )
    if not before.checked:
        return f"{text}; there are no earlier ones to compare with."
    return f"{text}, of the {before.checked} before {before.share:.0%}: {_trend(last, before)}."


def rounded(share: float | None) -> float | None:
    """Return a part as people are told it."""
    return None if share is None else round(share, 3)


def _sum(found: Sequence[Agreement]) -> Agreement:
    return Agreement(sum(a.checked for a in found), sum(a.agreed for a in found))


def _trend(last: Agreement, before: Agreement) -> str:
    """Compare two shares, as a test of two proportions does."""
    share = (last.agreed + before.agreed) / (last.checked + before.checked)
    error = sqrt(share * (1 - share) * (1 / last.checked + 1 / before.checked))
    gain = last.agreed / last.checked - before.agreed / before.checked
    if abs(gain) <= Z * error:
        return "no difference beyond chance"
    return "still rising" if gain > 0 else "falling"
