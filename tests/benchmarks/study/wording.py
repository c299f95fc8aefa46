"""How the study's page writes numbers, settings and points."""

import math
from collections.abc import Sequence

from tests.benchmarks.study.results import RIVAL, Setting

NOTHING = "–"
CUTS = {False: "as it is", True: "half rare"}  # of a pool


def titled(setting: Setting) -> str:
    """Return what a setting is called on the page."""
    cut = f", {CUTS[True]}" if setting.imbalanced else ""
    return f"{setting.name}{cut}, K = {setting.per_round}"


def points(found: tuple[float, float], unit: str = " points", digits: int = 1) -> str:
    """Write a difference of areas and its standard error (NaN: it has none) in hundredths."""
    value, error = found
    text = f"{round(100 * value, digits) + 0.0:+.{digits}f}".replace("-", "−")  # no −0.0
    return f"{text}{unit}" if math.isnan(error) else f"{text} ± {100 * error:.{digits}f}{unit}"


def percent(share: float | None) -> str:
    """Write a part of random's labels; infinity: none of them was enough."""
    if share is None:
        return NOTHING
    return f"{share:.0%}" if math.isfinite(share) else "not reached"


def range_of(numbers: Sequence[int]) -> str:
    """Write the least and the most of some numbers."""
    least, most = min(numbers), max(numbers)
    return str(least) if least == most else f"{least} to {most}"


def some_of(gaps: Sequence[object], settings: Sequence[Setting]) -> str:
    """Say of how many settings something is, where not of all."""
    return f" (of {len(gaps)} settings)" if len(gaps) < len(settings) else ""


def extent(settings: Sequence[Setting], name: str) -> str:
    """Say of how many settings and seeds a strategy is, where not of all."""
    seeds = [(len(each.common(name, RIVAL)), each.seeds) for each in settings]
    some = [own for own, _ in seeds if own]
    told = [f"{len(some)} settings"] if len(some) < len(settings) else []
    if any(0 < own < every for own, every in seeds):
        told.append(f"{range_of(some)} seeds")
    return f" (of {', '.join(told)})" if told else ""
