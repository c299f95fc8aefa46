"""The report: one HTML file that needs nothing else, and its picture beside it."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, StrictUndefined

from fishermask_backend.simulation.curves import draw
from fishermask_backend.simulation.findings import Comparison, Figures, Findings
from fishermask_backend.simulation.statistics import CHANCE
from fishermask_backend.simulation.variants import shown
from fishermask_backend.simulation.verdict import labels, verdict
from fishermask_backend.state import whole_file

TEMPLATE = Path(__file__).with_name("report.html")
REPORT, PICTURE = "report.html", "curves.png"


@dataclass(frozen=True)
class About:
    """What the report says of the simulation besides its findings.

    Attributes:
        title: What the images are.
        facts: By name, in order.
        notes: What was left out or approximated.
    """

    title: str
    facts: Mapping[str, str]
    notes: Sequence[str]


def write_report(folder: Path, found: Findings, about: About) -> list[str]:
    """Write report.html and curves.png.

    Returns:
        The verdict's sentences.
    """
    picture, sentences = draw(found), verdict(found, about.title)
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=False)
    text = environment.from_string(TEMPLATE.read_text(encoding="utf-8")).render(
        title=about.title,
        verdict=sentences,
        picture=base64.b64encode(picture).decode(),
        seeds="one seed" if len(found.seeds) == 1 else f"{len(found.seeds)} seeds",
        strategies=_strategies(found),
        comparisons=[_compared(each) for each in (*found.to_baseline, *found.to_first)],
        facts=about.facts.items(),
        notes=[*about.notes, *found.notes],
    )
    with whole_file(folder / PICTURE) as draft:
        draft.write_bytes(picture)
    with whole_file(folder / REPORT) as draft:
        draft.write_text(text, encoding="utf-8")
    return sentences


def _strategies(found: Findings) -> list[list[str]]:
    names = shown([each.name for each in found.figures])
    return [_row(names[each.name], each, found.labels[-1]) for each in found.figures]


def _row(name: str, each: Figures, last: int) -> list[str]:
    order, train = each.seconds
    return [
        name,
        f"{each.area:.1%}",
        f"{each.balanced[:, -1].mean():.1%}",
        f"{each.plain[:, -1].mean():.1%}",
        "–" if each.reaches is None else labels(each.reaches, last).replace("95 %: ", ""),
        f"{each.classes_found:.1f}",
        f"{order:.2f}",
        f"{train:.2f}",
        f"{each.cpu_seconds:.2f}",
    ]


def _compared(each: Comparison) -> dict[str, object]:
    names = shown([each.name, each.other])
    chance = each.p > CHANCE
    known = math.isfinite(each.found.error)
    better = "better" if each.found.mean > 0 else "worse"
    cells = [
        f"{names[each.name]} minus {names[each.other]}",
        f"{each.found.mean * 100:+.1f}".replace("-", "−"),
        f"{each.found.error * 100:.1f}" if known else "–",
        _p(each.p) if known else "–",
        "may be chance" if chance else better,
    ]
    return {"chance": chance, "cells": cells}


def _p(p: float) -> str:
    return "< 0.001" if p < 0.001 else f"{p:.3f}"
