"""What the page says of other classifiers and starts: what picks are worth to each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from fishermask_backend.simulation.statistics import Difference
from fishermask_backend.simulation.variants import shown
from tests.benchmarks.study.learners import DRAWN, FORMER, LEARNERS
from tests.benchmarks.study.results import (
    BASELINE,
    OWN,
    RIVAL,
    Setting,
    gaps_to,
    grouped,
    key_of,
    mean,
    read,
    share_of_labels,
    strategies,
)
from tests.benchmarks.study.wording import NOTHING, points, range_of, some_of, titled
from tests.tables import table

Others = Mapping[str, Sequence[Setting]]  # by learner


def read_others(out: Path, rounds: int) -> Others:
    """Return the settings of every learner that has points, whatever their strategies.

    Args:
        out: A folder a learner in it, with a folder a setting.
        rounds: Of courses; none of fewer is taken.
    """
    found = {name: read(out / name, rounds, (RIVAL,)) for name in LEARNERS if (out / name).is_dir()}
    return {name: settings for name, settings in found.items() if settings}


def above_former(settings: Sequence[Setting], others: Others) -> list[Difference]:
    """Return how much more area the default has than head and settings before this study.

    A difference for each setting in which both ran; seeds have the same cut and first queue.
    """
    return gaps_to(_beside(settings, others, "former", FORMER, FORMER), OWN, FORMER)


def share_without_cold_start(settings: Sequence[Setting], others: Others) -> float | None:
    """Return the median part of random's labels, drawn from the first on, that the default needs."""
    return share_of_labels(_beside(settings, others, DRAWN, BASELINE, BASELINE), OWN)


def cold_start(settings: Sequence[Setting], others: Others) -> str:
    """Say what the first queue is worth, and all together over labels drawn from the first on."""
    every = _beside(settings, others, DRAWN, BASELINE, DRAWN)
    told = []
    by_k = grouped(settings, _k)
    for k, some in grouped(every, _k).items():
        alone, together = (mean(gaps_to(some, name, DRAWN)) for name in (BASELINE, OWN))
        told.append(
            f"{points(alone)} of area over a drawn one in queues of {k}, and with FisherMask after it "
            f"{points(together)} over labels drawn from the first on{some_of(some, by_k[k])}"
        )
    worth = "Under random labels the cold start's first queue is worth "
    return f"{worth}{'; '.join(told)}." if told else ""


def _beside(
    settings: Sequence[Setting], others: Others, learner: str, name: str, called: str
) -> list[Setting]:
    """Return settings that another learner ran in, too, with courses of its under a name beside."""
    ran = {key_of(each): each.courses.get(name, {}) for each in others.get(learner, ())}
    return [
        replace(each, courses={**each.courses, called: ran[key_of(each)]})
        for each in settings
        if key_of(each) in ran
    ]


def sections(others: Others) -> str:
    """Return a part of the page for each learner: differences to margin with the same classifier."""
    return "\n\n".join(_section(name, settings) for name, settings in others.items())


def _section(learner: str, settings: Sequence[Setting]) -> str:
    seeds = range_of([len(each.common(RIVAL)) for each in settings])
    pools = range_of([each.sizes[0] for each in settings])
    return "\n\n".join(
        [
            f"### {LEARNERS[learner].about[0].upper()}{LEARNERS[learner].about[1:]}",
            f"`--learners {learner}`, {seeds} seeds a setting, {pools} images in the pool.",
            *map(_differences, grouped(settings, _k).values()),
        ]
    )


def _k(setting: Setting) -> int:
    return setting.per_round


def _differences(settings: Sequence[Setting]) -> str:
    rows = [
        ["margin itself, per cent", *(f"{100 * each.area(RIVAL):.1f}" for each in settings), ""]
    ]
    for name in strategies(settings):
        if name != RIVAL:
            gaps = [each.gap(name) for each in settings]
            cells = [NOTHING if gap is None else points((gap.mean, gap.error), "") for gap in gaps]
            of = gaps_to(settings, name)
            rows.append([shown([name])[name], *cells, points(mean(of), "") + some_of(of, settings)])
    return table(["picks", *map(titled, settings), "mean"], rows)
