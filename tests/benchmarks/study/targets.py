"""What FisherMask is to be, and whether it is."""

from collections.abc import Iterator, Sequence

from fishermask_backend.simulation.variants import shown
from tests.benchmarks.study.learners import DRAWN
from tests.benchmarks.study.others import Others, above_former, share_without_cold_start
from tests.benchmarks.study.results import (
    BASELINE,
    OWN,
    RIVAL,
    Setting,
    clearly,
    gaps_to,
    mean,
    of_cut,
    share_of_labels,
)
from tests.benchmarks.study.wording import percent, points, some_of, titled
from tests.tables import table

AHEAD = 0.01  # of area, over margin
AFRESH = 0.03  # over all of the former default
HALF = 0.5  # of random's labels

Row = list[str]


def targets(settings: Sequence[Setting], others: Others) -> str:
    """Return a table: what was aimed at, what was found, and whether it is kept.

    Args:
        settings: Of the default classifier.
        others: Of other classifiers and starts.
    """
    rows = [
        _over_margin(settings),
        *_over_former(settings, others),
        _nobody_above(settings, others.get(DRAWN, ())),
        *_labels_saved(of_cut(settings, True), others),
    ]
    return table(["FisherMask is to be", "found", "kept"], rows)


def _over_margin(settings: Sequence[Setting]) -> Row:
    ahead = mean(gaps_to(settings, OWN))
    aim = f"at least {100 * AHEAD:.0f} point above {RIVAL}, mean of all settings"
    return [aim, _exactly(ahead), _kept(ahead[0] >= AHEAD)]


def _over_former(settings: Sequence[Setting], others: Others) -> Iterator[Row]:
    if former := above_former(settings, others):
        ahead = mean(former)
        aim = f"at least {100 * AFRESH:.0f} points above head and settings before this study, mean"
        yield [aim, _exactly(ahead) + some_of(former, settings), _kept(ahead[0] >= AFRESH)]


def _nobody_above(settings: Sequence[Setting], drawn: Sequence[Setting]) -> Row:
    above = better(settings)
    if after := better(drawn):
        above.append(f"after a first queue drawn at random: {'; '.join(after)}")
    if above:
        kept = "no"
    else:
        told = all(setting.seeds > 1 for setting in settings)
        kept = "yes" if told else "of one seed it can't be told"
    aim = "no other strategy above it by more than a standard error in any setting"
    return [aim, "; ".join(above) or "none", kept]


def _labels_saved(rare: Sequence[Setting], others: Others) -> Iterator[Row]:
    share = share_of_labels(rare, OWN)
    if share is not None:
        drawn = share_without_cold_start(rare, others)
        beside = (
            "" if drawn is None else f"; where random draws its first queue, too: {percent(drawn)}"
        )
        yield [
            f"{BASELINE}'s final accuracy with at most {HALF:.0%} of its labels where half of the "
            "classes are rare, median",
            percent(share) + beside,
            _kept(share <= HALF),
        ]


def better(settings: Sequence[Setting]) -> list[str]:
    """Return which strategies, FisherMask's own variants aside, are clearly above it, and where."""
    found = []
    for setting in settings:
        for name in setting.courses:
            gap, seeds = setting.gap(name, OWN), len(setting.common(name, OWN))
            if name.partition(":")[0] != OWN and gap is not None and clearly(gap) > 0:
                found.append(
                    f"{shown([name])[name]} on {titled(setting)}: "
                    f"{100 * gap.mean:.1f} ± {100 * gap.error:.1f}"
                    + (f" ({seeds} seeds)" if seeds < setting.seeds else "")
                )
    return found


def _exactly(found: tuple[float, float]) -> str:
    """Write a difference so that it is seen on which side of a target it is."""
    return points(found, "", digits=2)


def _kept(kept: bool) -> str:
    return "yes" if kept else "no"
