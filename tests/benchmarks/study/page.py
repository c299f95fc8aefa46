"""docs/study.md, from the points of all settings. Differences are in points (hundredths) of area."""

import math
from collections.abc import Callable, Sequence
from datetime import date

from fishermask_backend.simulation.statistics import CHANCE, Difference
from fishermask_backend.simulation.variants import shown
from tests.benchmarks.study.others import Others, cold_start, sections
from tests.benchmarks.study.picture import draw
from tests.benchmarks.study.results import (
    BASELINE,
    OWN,
    RIVAL,
    Setting,
    clearly,
    corrected,
    gaps_to,
    grouped,
    key_of,
    mean,
    of_cut,
    share_of_labels,
    strategies,
    whole,
)
from tests.benchmarks.study.targets import targets
from tests.benchmarks.study.verdict import choice
from tests.benchmarks.study.wording import CUTS, NOTHING, extent, percent, points, range_of
from tests.tables import table
from tests.this_machine import ROOT, commit, machine

PAGE, PICTURE, COURSES = ROOT / "docs/study.md", ROOT / "docs/study.png", ROOT / "docs/study"
TEMPLATE = ROOT / "tests/benchmarks/study/template.md"


def write(settings: Sequence[Setting], others: Others) -> None:
    """Write page and picture, of the default's settings and those of other classifiers."""
    PICTURE.write_bytes(draw(settings))
    text = TEMPLATE.read_text(encoding="utf-8")
    for name, value in values(settings, others).items():
        text = text.replace(f"{{{{{name}}}}}", value)
    PAGE.write_text(text, encoding="utf-8")


def values(settings: Sequence[Setting], others: Others) -> dict[str, str]:
    """Return what stands in the template's places."""
    names, every = strategies(settings), whole(settings)
    p = corrected(settings)
    return {
        "seeds": range_of([each.seeds for each in settings]),
        "settings": str(len(settings)),
        "choice": choice(settings, p),
        "targets": targets(settings, others),
        "cold": cold_start(settings, others),
        "others": sections(others),
        "short": _short(settings, every),
        "parts": _parts(settings, [name for name in names if name not in every]),
        "made_of": _made_of(settings),
        "comparisons": str(len(p)),
        "areas": _by_setting(settings, every, lambda s, n: f"{100 * s.area(n):.1f}"),
        "differences": _by_setting(
            settings, [n for n in names if n != RIVAL], lambda s, n: _gap(s, n, p)
        ),
        "labels": _by_setting(settings, [n for n in every if n != BASELINE], _labels),
        "classes": _by_setting(settings, every, _classes),
        "seconds": _by_setting(settings, names, lambda s, n: f"{_cpu([s], n):.1f}"),
        "reached": range_of([each.labels[-1] for each in settings]),
        "rounds": str(len(settings[0].labels)),
        "under": "; ".join(dict.fromkeys(_settings(each) for each in settings)),
        "made": _made(settings),
    }


def _short(settings: Sequence[Setting], names: Sequence[str]) -> str:
    rows = []
    rare = of_cut(settings, True)
    for name in names:
        share = NOTHING if name == BASELINE else percent(share_of_labels(rare, name))
        cells = ["0", "0", "0", NOTHING] if name == RIVAL else _cells(settings, name, RIVAL)
        rows.append([shown([name])[name], *cells, share, f"{_cpu(settings, name):.1f}"])
    return table([*_heads("picks"), "labels", "CPU s"], rows)


def _parts(settings: Sequence[Setting], names: Sequence[str]) -> str:
    """Return a table of what ran in fewer settings or of fewer seeds, beside the default in these."""
    rows = [
        [
            shown([name])[name] + extent(settings, name),
            *_cells(settings, name, OWN),
            f"{_cpu(settings, name):.1f}",
        ]
        for name in names
    ]
    return table([*_heads("instead of FisherMask"), "CPU s"], rows) if rows else "Nothing else ran."


def _heads(first: str) -> list[str]:
    return [first, *CUTS.values(), "all settings", "ahead : behind"]


def _cells(settings: Sequence[Setting], name: str, other: str) -> list[str]:
    """Return a strategy's differences to another, by cut and in all, and where it is ahead."""
    gaps = gaps_to(settings, name, other)
    sides = [clearly(gap) for gap in gaps]
    means = [_mean(gaps_to(of_cut(settings, cut), name, other)) for cut in CUTS]
    return [*means, _mean(gaps), f"{sides.count(1)} : {sides.count(-1)}"]


def _by_setting(
    settings: Sequence[Setting], names: Sequence[str], cell: Callable[[Setting, str], str]
) -> str:
    """Return a table for each K and cut: a row a strategy, a column a set."""
    parts = []
    by_k_and_cut = grouped(settings, lambda each: (each.per_round, each.imbalanced))
    for (per_round, cut), some in by_k_and_cut.items():
        heads = [f"K = {per_round}, {CUTS[cut]}", *(each.name for each in some)]
        rows = [
            [
                shown([name])[name],
                *(cell(each, name) if each.common(name) else NOTHING for each in some),
            ]
            for name in names
            if any(each.common(name) for each in some)
        ]
        parts.append(table(heads, rows))
    return "\n\n".join(parts)


def _gap(setting: Setting, name: str, p: dict[tuple[str, str], float]) -> str:
    gap = setting.gap(name)
    if gap is None:
        return NOTHING
    seeds = len(setting.common(name, RIVAL))
    fewer = f" ({seeds})" if seeds != setting.seeds else ""
    text = points((gap.mean, gap.error), "")
    return f"**{text}**{fewer}" if p.get((key_of(setting), name), 1) <= CHANCE else f"{text}{fewer}"


def _labels(setting: Setting, name: str) -> str:
    found = setting.reaches(name)
    if found is None:
        return NOTHING
    last = setting.labels[-1]
    value, low, high = (
        f"{number:.0f}" if math.isfinite(number) else f"> {last}"
        for number in (found.value, found.low, found.high)
    )
    return f"{value} ({low} – {high})"


def _classes(setting: Setting, name: str) -> str:
    """Return how many classes are found after a third of the rounds, and at the end."""
    courses = list(setting.courses[name].values())
    early = max(1, len(setting.labels) // 3) - 1
    found = [sum(c[i].classes_found for c in courses) / len(courses) for i in (early, -1)]
    return f"{found[0]:.1f}, {found[1]:.1f}"


def _cpu(settings: Sequence[Setting], name: str) -> float:
    """Return the mean processor seconds of a round: of the settings' means."""
    means = []
    for setting in settings:
        if setting.common(name):
            seconds = [point.cpu_seconds for point in setting.points(name)]
            means.append(sum(seconds) / len(seconds))
    return sum(means) / len(means)


def _made_of(settings: Sequence[Setting]) -> str:
    rows = [
        [
            each.name, CUTS[each.imbalanced], each.per_round, *each.sizes,
            each.labels[-1], each.seeds,
        ]
        for each in settings
    ]  # fmt: skip
    return table(
        ["images", "pool", "K", "images in it", "held out", "classes", "labels", "seeds"], rows
    )


def _settings(setting: Setting) -> str:
    about = {name: value for name, value in setting.about.items() if name not in BESIDE}
    told = ", ".join(f"`{name.upper()}={value}`" for name, value in about.items())
    return f"version {setting.about['version']}, {setting.about['backbone']}, {told}"


BESIDE = ("version", "images", "backbone", "labels_per_round", "imbalanced")  # told elsewhere


def _made(settings: Sequence[Setting]) -> str:
    rounds = len(settings[0].labels)
    command = f"python -m tests.benchmarks.study --rounds {rounds}"
    return f"`{command}`, {date.today()} at {commit()}; {machine()['processor']}"


def _mean(gaps: Sequence[Difference]) -> str:
    return points(mean(gaps), "") if gaps else NOTHING
