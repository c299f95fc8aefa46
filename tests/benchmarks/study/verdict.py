"""What the study's page says at its top: what to choose, by how much, and where it is won and lost."""

import math
from collections.abc import Iterator, Sequence

from fishermask_backend.simulation.statistics import CHANCE
from fishermask_backend.simulation.variants import shown
from tests.benchmarks.study.learners import OF_HEAD
from tests.benchmarks.study.results import (
    BASELINE,
    OWN,
    RIVAL,
    Setting,
    clearly,
    gaps_to,
    key_of,
    mean,
    of_cut,
    whole,
)
from tests.benchmarks.study.wording import extent, points, titled

UNSEEN = ("letters", "letters-over")  # drawn by `letters.py` when everything was decided


def choice(settings: Sequence[Setting], p: dict[tuple[str, str], float]) -> str:
    """Say what to choose and by how much; then, each as an item, where it is won and lost, and why."""
    items = [_won_and_lost(settings, p), *_unseen(settings), *_worth_of_parameters(settings)]
    listed = "\n".join(f"- {item}" for item in items)
    return f"{_best(settings)} {_ahead(settings)}\n\n{listed}"


def _ahead(settings: Sequence[Setting]) -> str:
    """Say by how much it is above its rival, in all and by cut, and above random labels."""
    ahead = points(mean(gaps_to(settings, OWN)))
    text = f"{shown([OWN])[OWN]} has {ahead} more than {RIVAL} in the mean of the settings"
    for imbalanced, cut in ((False, "the pool as it is"), (True, "half of its classes rare")):
        if some := of_cut(settings, imbalanced):
            text += f", {points(mean(gaps_to(some, OWN)))} with {cut}"
    return f"{text}; {points(mean(gaps_to(settings, OWN, BASELINE)))} more than random labels."


def _won_and_lost(settings: Sequence[Setting], p: dict[tuple[str, str], float]) -> str:
    sides = {
        side: [s for s in settings if (g := s.gap(OWN)) and clearly(g) == side] for side in (1, -1)
    }
    beyond = [s for s in settings if p[key_of(s), OWN] <= CHANCE]
    return (
        f"By more than a standard error it is ahead of {RIVAL} in {_of(sides[1], settings)}, behind "
        f"in {_of(sides[-1], settings)}; beyond chance, after Holm's correction for all that is "
        f"tested here, in {_of(beyond, settings)}."
    )


def _unseen(settings: Sequence[Setting]) -> Iterator[str]:
    """Yield how far ahead it is where nobody has looked before."""
    if some := [each for each in settings if each.name in UNSEEN]:
        names = ", ".join(dict.fromkeys(each.name for each in some))
        yield (
            f"**On the sets that no default was chosen by** ({names}) it has "
            f"{points(mean(gaps_to(some, OWN)))} more than {RIVAL}."
        )


def _worth_of_parameters(settings: Sequence[Setting]) -> Iterator[str]:
    """Yield what the parameters bring: over others, and a head's mask over its last layer or chance."""
    if gaps := gaps_to(settings, OWN, OF_HEAD):
        yield (
            f"**Over features instead of the trained head's parameters** it has {points(mean(gaps))}"
            f"{extent(settings, OF_HEAD)}."
        )
    compared = {"bait": "the last layer alone", "random-mask": "as many entries drawn by chance"}
    told = [
        f"{points(mean(gaps))} to {about}"
        for name, about in compared.items()
        if (gaps := gaps_to(settings, OF_HEAD, name))
    ]
    if told:
        yield f"**What a mask of the head is worth**: {'; '.join(told)}{extent(settings, OF_HEAD)}."


def _best(settings: Sequence[Setting]) -> str:
    """Name the strategy of the largest area, and its lead: over the default, or the default's."""
    best, second = whole(settings)[:2]
    proper = shown([best, second, OWN])
    other = second if best == OWN else OWN
    value, error = mean(gaps_to(settings, best, other))
    if math.isnan(error):
        told = "which one seed does not tell from chance"
    elif value > error:
        told = "more than a standard error"
    else:
        told = "no more than a standard error: these seeds do not decide between the two"
    name = proper[best][0].upper() + proper[best][1:]
    default = {OWN: " (the default)"}
    return (
        f"Of what ran in all settings, **{name}{default.get(best, '')} has the largest area in the "
        f"mean of them**: {points((value, error))} to {proper[other]}{default.get(other, '')}, {told}."
    )


def _of(some: Sequence[Setting], settings: Sequence[Setting]) -> str:
    """Say in how many settings something is so, naming these or the others, whichever are fewer."""
    left = [each for each in settings if each not in some]
    few, but = (some, "") if len(some) <= len(left) else (left, "all but ")
    names = f" ({but}{'; '.join(map(titled, few))})" if few and left else ""
    return f"{len(some)} of {len(settings)} settings{names}"
