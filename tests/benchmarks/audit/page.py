"""docs/audit.md, from what was simulated."""

from collections.abc import Mapping, Sequence
from datetime import date
from itertools import product

import numpy as np

from fishermask_backend.learning.forecast import ENOUGH, FOR_GOOD, MORE, WORTH
from tests.benchmarks.audit.courses import BATCH, WIDTH, Course
from tests.benchmarks.audit.redrawn import (
    NEAR,
    REDRAWN,
    Estimated,
    Forecasts,
    Oracle,
    audits,
    forecasts,
)
from tests.tables import table
from tests.this_machine import ROOT

PAGE = ROOT / "docs/audit.md"
TEMPLATE = ROOT / "tests/benchmarks/audit/template.md"

Simulated = Mapping[str, tuple[Sequence[Course], Sequence[Course]]]  # by set: plain and audited
MANY = 10  # audit labels, from which on estimates are looked at


def write(found: Simulated, strategy: str, command: str) -> None:
    """Write the page."""
    plain = next(iter(found.values()))[0][0]
    values = {
        "for_good": f"{FOR_GOOD.mean():.0%}",
        "worth": f"{100 * WORTH:.0f}",
        "enough": ENOUGH,
        "more": MORE,
        "near": f"{NEAR:.0%}",
        "many": MANY,
        "redrawn": REDRAWN,
        "labels": plain.labels[-1],
        "batch": BATCH,
        "pool": len(plain.when),
        "width": WIDTH,
        "strategy": strategy,
        "estimates": _estimates(found),
        "costs": _costs(found),
        "forecasts": _forecasts(found),
        "made": f"`python -m tests.benchmarks.audit {command}`, {date.today()}.",
    }
    text = TEMPLATE.read_text()
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", str(value))
    PAGE.write_text(text)


def _estimates(found: Simulated) -> str:
    rows = []
    for name, (plain, _) in found.items():
        random = np.random.default_rng(0)
        drawn = [e for c, _ in product(plain, range(REDRAWN)) for e in audits(c, random)]
        seen = [e for e in drawn if e.past.audit >= MANY]
        rows.append(
            [
                name, len(plain), _points([e.error for e in seen]), _points([e.plain for e in seen]),
                _spread([e.error for e in seen]), _spread([e.plain for e in seen]), _inside(seen),
            ]
        )  # fmt: skip
    return table(
        [
            "images", "courses", "bias", "bias of the labels as they are", "error", "error as they are",
            "95 % intervals that hold the truth",
        ],
        rows,
    )  # fmt: skip


def _costs(found: Simulated) -> str:
    rows = []
    for name, (plain, audited) in found.items():
        if not audited:
            continue
        costs = [100 * (a.test - p.test).mean() for a, p in zip(audited, plain, strict=False)]
        real = np.array([each for course in audited for each in course.real])
        inside = (real[:, 1] <= real[:, 3]) & (real[:, 3] <= real[:, 2])
        error = f" ± {np.std(costs, ddof=1) / np.sqrt(len(costs)):.2f}" if len(costs) > 1 else ""
        rows.append(
            [
                name, len(costs), f"{np.mean(costs):+.2f}{error}", _points(real[:, 0] - real[:, 3]),
                f"{inside.sum()} of {len(inside)}",
            ]
        )  # fmt: skip
    if not rows:
        return "Not measured in this run (`--audited 0`)."
    return table(
        ["images", "courses", "area", "bias of the estimate", "intervals that hold the truth"], rows
    )


def _forecasts(found: Simulated) -> str:
    rows = []
    for name, (plain, _) in found.items():
        said, curve = forecasts(plain, np.random.default_rng(1)), Oracle.of(plain)
        stop, stops = curve.stop(), np.array(said.stops)
        looked = min(stop, curve.last - MORE)  # no further, the truth is not known
        early, late = stops < (1 - NEAR) * looked, stops > (1 + NEAR) * stop
        rows.append(
            [
                name, f"{stop:.0f}" if np.isfinite(stop) else f"after {curve.last - MORE}",
                f"{1 - early.mean() - late.mean():.0%}", f"{early.mean():.0%}", f"{late.mean():.0%}",
                *_about(curve, stop, said),
                _points(said.errors), _spread(said.errors), f"{np.mean(said.inside):.0%}",
            ]
        )  # fmt: skip
    return table(
        [
            "images", "oracle stops at", "near", "earlier", "later", "true gains near",
            "error near", "bias of the gain", "its error", "95 % intervals that hold it",
        ],
        rows,
    )  # fmt: skip


def _about(curve: Oracle, stop: float, said: Forecasts) -> tuple[str, str]:
    """What MORE labels bring at both ends of what is near the oracle's stop, and the error there."""
    if not np.isfinite(stop):
        return "–", "–"
    ends = (1 - NEAR) * stop, (1 + NEAR) * stop
    pairs = zip(said.labels, said.errors, strict=True)
    errors = [error for labels, error in pairs if ends[0] <= labels <= ends[1]]
    gains = " – ".join(f"{100 * curve.gain(end):.1f}" for end in ends)
    return gains, _spread(errors) if errors else "–"


def _points(values: Sequence[float]) -> str:
    return f"{100 * float(np.mean(values)):+.1f}"


def _spread(values: Sequence[float]) -> str:
    return f"{100 * float(np.sqrt(np.mean(np.square(values)))):.1f}"


def _inside(seen: Sequence[Estimated]) -> str:
    return f"{np.mean([e.inside for e in seen]):.1%}"
