"""docs/review.md and its picture, from what was simulated."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

from fishermask_backend.learning.doubts import FEWEST, FEWEST_OF_CLASS
from fishermask_backend.store.doubts import MOST
from tests.benchmarks.audit.courses import WIDTH
from tests.benchmarks.review.courses import BATCH, FLIPPED, LOOKED_AT, Cost, Labels
from tests.benchmarks.review.lists import NAMES, OURS, PLAIN, RANDOM, Places, lists, precision
from tests.tables import table
from tests.this_machine import ROOT

PAGE = ROOT / "docs/review.md"
PICTURE = ROOT / "docs/review.svg"
TEMPLATE = ROOT / "tests/benchmarks/review/template.md"
LOOKS = 20

Found = dict[tuple[str, str], list[dict[int, Labels]]]  # by set and strategy: seeds: labels


@dataclass(frozen=True)
class Case:
    """The courses of a set and a strategy at a number of labels, and what each way lists of them."""

    name: str
    strategy: str
    count: int
    labels: Sequence[Labels]
    listed: Sequence[dict[str, Places]]

    def precision(self, way: str, looks: int = LOOKS) -> list[float]:
        """Of each course, what part of the labels looked at is wrong."""
        pairs = zip(self.labels, self.listed, strict=True)
        return [precision(labels, listed[way], looks) for labels, listed in pairs]


def write(found: Found, pool: int, cost: Cost, command: str) -> None:
    """Write the page and its picture."""
    cases = _cases(found)
    values = {
        "fewest": FEWEST,
        "fewest_of_class": FEWEST_OF_CLASS,
        "most": MOST,
        "flipped": f"{100 * FLIPPED:.0f} %",
        "batch": BATCH,
        "labels": " and ".join(map(str, LOOKED_AT)),
        "pool": pool,
        "width": WIDTH,
        "looks": LOOKS,
        "precisions": _precisions(cases),
        "whole": _whole(cases),
        "summary": _summary(cases),
        "cost": (
            f"{cost.held_out:.1f} s for heads without each of {cost.labels} labels, "
            f"{cost.ranking:.1f} s for cleanlab, {cost.loading:.1f} s to load it, once"
        ),
        "made": f"`python -m tests.benchmarks.review {command}`, {date.today()}.",
    }
    text = TEMPLATE.read_text()
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", str(value))
    PAGE.write_text(text)
    _draw(cases)


def _cases(found: Found) -> list[Case]:
    made = []
    for (name, strategy), courses in found.items():
        for count in LOOKED_AT:
            labels = [course[count] for course in courses]
            listed = [lists(each, seed) for seed, each in enumerate(labels)]
            made.append(Case(name, strategy, count, labels, listed))
    return made


def _precisions(cases: Sequence[Case]) -> str:
    rows = []
    for case in cases:
        wrong = [int(each.wrong.sum()) for each in case.labels]
        best = np.mean([min(LOOKS, n) / LOOKS for n in wrong])
        values = [_with_error(case.precision(way)) for way in NAMES]
        about = [case.name, case.strategy, case.count, f"{np.mean(wrong):.0f}", f"{best:.2f}"]
        rows.append([*about, *values])
    return table(["images", "picked by", "labels", "wrong", "at best", *NAMES], rows)


def _whole(cases: Sequence[Case]) -> str:
    rows = []
    for case in cases:
        listed = [each[OURS] for each in case.listed]
        pairs = zip(case.labels, listed, strict=True)
        hits = [(each.wrong[own].sum(), len(own), each.wrong.sum()) for each, own in pairs]
        shares = [hit / max(1, length) for hit, length, _ in hits]
        recall = [hit / wrong for hit, _, wrong in hits]
        length = np.mean([length for _, length, _ in hits])
        about = [case.name, case.strategy, case.count, f"{length:.0f}"]
        rows.append([*about, _with_error(shares), _with_error(recall)])
    heads = ["images", "picked by", "labels", "listed", "of them wrong", "of the wrong ones listed"]
    return table(heads, rows)


def _summary(cases: Sequence[Case]) -> str:
    """Say in a sentence how the ways compare, over all cases."""
    means = {way: float(np.mean([case.precision(way) for case in cases])) for way in NAMES}
    apart = [np.subtract(case.precision(OURS), case.precision(PLAIN)) for case in cases]
    others = ", ".join(f"{way} {means[way]:.2f}" for way in NAMES if way not in (OURS, RANDOM))
    return (
        f"Over all of these, of {LOOKS} labels looked at {LOOKS * means[OURS]:.1f} are wrong "
        f"(precision {means[OURS]:.2f}; {others}; at random {means[RANDOM]:.2f}). As listed less the "
        f"least probable, paired: {_signed(np.concatenate(apart))}."
    )


def _signed(values: Sequence[float]) -> str:
    return f"{np.mean(values):+.3f} ± {np.std(values, ddof=1) / np.sqrt(len(values)):.3f}"


def _with_error(values: Sequence[float]) -> str:
    error = f" ± {np.std(values, ddof=1) / np.sqrt(len(values)):.2f}" if len(values) > 1 else ""
    return f"{np.mean(values):.2f}{error}"


def _draw(cases: Sequence[Case]) -> None:
    import matplotlib  # takes a second

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "review", "svg.fonttype": "none"})
    from matplotlib import pyplot

    names = list(dict.fromkeys(case.name for case in cases))
    colours: Mapping[str, str] = {"random": "C0", "margin": "C1", "fishermask": "C2"}
    size = (2.6 * len(names) + 0.4, 5.4)
    figure, grid = pyplot.subplots(
        len(LOOKED_AT), len(names), figsize=size, sharex=True, sharey=True, squeeze=False,
        layout="constrained",
    )  # fmt: skip
    looks = np.arange(1, 61)
    for case in cases:
        axis = grid[LOOKED_AT.index(case.count), names.index(case.name)]
        curve = [np.mean(case.precision(OURS, int(k))) for k in looks]
        label = f"labels picked by {case.strategy}"
        axis.plot(looks, curve, color=colours[case.strategy], label=label)
        axis.axvline(LOOKS, color="0.8", lw=0.8, zorder=0)
        axis.axhline(FLIPPED, color="0.5", lw=0.8, ls=":", zorder=0)
        axis.set_title(f"{case.name}, {case.count} labels", loc="left", fontsize=9)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_ylim(0, 1)
    for axis in grid[-1]:
        axis.set_xlabel("labels looked at", fontsize=9)
    for axis in grid[:, 0]:
        axis.set_ylabel("of them wrong", fontsize=9)
    drawn = {line.get_label(): line for axis in figure.axes for line in axis.lines if _named(line)}
    figure.legend(
        drawn.values(), drawn, loc="outside lower center", ncols=3, frameon=False, fontsize=9
    )
    figure.savefig(PICTURE, metadata={"Date": None})
    pyplot.close(figure)


def _named(line: Any) -> bool:
    return not line.get_label().startswith("_")
