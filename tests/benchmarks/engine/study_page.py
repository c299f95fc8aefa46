"""What is learnt from the picks: a section of docs/benchmarks.md, and its paired comparisons."""

import statistics
from collections.abc import Sequence
from typing import Any

from tests.tables import table

from .options import START

OURS = "FisherMask"
EARLY_ROUNDS = 5
Curves = Sequence[Sequence[float]]  # one a seed: accuracy after each round


def strategies(made: dict[str, Any]) -> str:
    """Each strategy against random picks, over both pools."""
    K = made["K"]
    pools = list(made["curves"])
    rounds = len(made["curves"][pools[0]]["random"][0])
    early, late = START + K * EARLY_ROUNDS, START + K * rounds
    rows = []
    for name in made["curves"][pools[0]]:
        cells = [name]
        for pool in pools:
            curves = made["curves"][pool]
            last = statistics.mean(curve[-1] for curve in curves[name])
            random = name == "random"
            cells += [
                "" if random else difference(curves[name], curves["random"], EARLY_ROUNDS),
                "" if random else difference(curves[name], curves["random"]),
                f"{last:.3f}",
                "" if name == OURS else difference(curves[OURS], curves[name]),
            ]
        rows.append(cells)
    heads = ["picks"]
    for pool in pools:
        heads += [
            f"{pool}: to {early} labels",
            f"to {late}",
            f"accuracy with {late}",
            f"{OURS} − it",
        ]
    seeds = len(made["curves"][pools[0]]["random"])
    return "\n\n".join(
        [
            "## Does it label better?",
            f"Fashion-MNIST from {START} random labels on, {K} a round, {seeds} seeds, the same first "
            "labels and test images for all: accuracy minus that of random picks, mean over the "
            "curve, ± the standard error of the paired difference. An imbalanced pool keeps a tenth "
            f"of five random classes; accuracy counts every class the same. «{OURS} − it» is paired, "
            f"to {late} labels.",
            table(heads, rows),
        ]
    )


def difference(curves: Curves, base: Curves, rounds: int | None = None) -> str:
    """Mean over the first rounds' accuracy, less the base's: mean over seeds ± standard error."""
    pairs = zip(curves, base, strict=True)
    gaps = [statistics.mean(a[:rounds]) - statistics.mean(b[:rounds]) for a, b in pairs]
    error = statistics.stdev(gaps) / len(gaps) ** 0.5 if len(gaps) > 1 else float("nan")
    return f"{statistics.mean(gaps):+.3f} ± {error:.3f}"
