"""A class that was added when images were labelled already: what do the older labels say of it?

    python -m tests.benchmarks.study_added_class

prints the table of docs/training.md. Data: scikit-learn's digits with five properties of each digit
as classes of a multiple choice, of which one is added after 60 random labels; each in turn.
"""

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from fishermask_backend.learning import objectives
from fishermask_backend.learning.classifier import fit_classifier, probabilities
from tests.benchmarks.study_data import cut_of, images_of, lite0, rows_of

PROPERTIES = {
    "even": {0, 2, 4, 6, 8},
    "prime": {2, 3, 5, 7},
    "with a loop": {0, 6, 8, 9},
    "straight": {1, 4, 7},
    "a nine": {9},
}
BEFORE = 60
AFTER = (2, 5, 20, 60)


def masked(targets: Tensor, _: int) -> objectives.Loss:
    """Every unknown counts nothing, whatever else is known of the class."""

    def loss(logits: Tensor, rows: Tensor) -> Tensor:
        known = (~rows.isnan()).float()
        return functional.binary_cross_entropy_with_logits(
            logits, rows.nan_to_num(), weight=known, reduction="sum"
        ) / known.sum().clamp_min(1)

    return loss


def balanced(found: Tensor, truth: Tensor) -> float:
    """The mean of the rates of right yes and right no."""
    return float((found[truth].float().mean() + (~found[~truth]).float().mean()) / 2)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "study")
    options = parser.parse_args()
    torch.set_num_threads(1)
    backbone = lite0(96)
    rows = rows_of("digits", backbone, options.cache)
    digits = torch.from_numpy(images_of("digits")[1])
    truth = torch.stack(
        [torch.isin(digits, torch.tensor(sorted(p))) for p in PROPERTIES.values()], 1
    )
    variants: dict[str, Callable[[Tensor, int], tuple[slice, Tensor]]] = {
        "a no (before)": lambda t, _: (slice(None), t.nan_to_num()),
        "unknown": lambda t, _: (slice(None), t),
        "unknown, even without a yes and a no": lambda t, _: (slice(None), t),
        "older labels not used": lambda t, _: (slice(BEFORE, None), t[BEFORE:]),
    }
    results: dict[tuple[str, int], list[tuple[float, float]]] = {}
    for seed in range(options.seeds):
        pool, test = cut_of(digits, "digits", seed, imbalanced=False)
        for added in range(len(PROPERTIES)):
            for after in AFTER:
                chosen = pool[: BEFORE + after]
                targets = truth[chosen].float()
                targets[:BEFORE, added] = torch.nan
                for name, of in variants.items():
                    kept, mine = of(targets, added)
                    always = objectives.Objective(objectives.OBJECTIVES["bernoulli"].target, masked)
                    changed = {"bernoulli": always} if "even" in name else {}
                    with patch.dict(objectives.OBJECTIVES, changed):
                        model = fit_classifier(
                            backbone, rows[chosen[kept]], mine, num_classes=len(PROPERTIES),
                            likelihood="bernoulli", pool_rows=rows[pool], seed=0,
                        )  # fmt: skip
                    found = probabilities(model, rows[test], "bernoulli") > 0.5
                    each = [balanced(found[:, c], truth[test, c]) for c in range(len(PROPERTIES))]
                    others = float(np.mean(each[:added] + each[added + 1 :]))
                    results.setdefault((name, after), []).append((each[added], others))
    print(f"| older labels are | {' | '.join(f'{n} labels since' for n in AFTER)} |")
    print("|---|" + "---|" * len(AFTER))
    reference = next(iter(variants))
    for name in variants:
        cells = []
        for after in AFTER:
            mine = np.array(results[name, after])
            gain = mine - np.array(results[reference, after])
            error = gain[:, 0].std(ddof=1) / np.sqrt(len(gain))
            shown = f"{mine[:, 0].mean():.3f}"
            if name != reference:
                shown = f"{gain[:, 0].mean():+.3f} ± {error:.3f} ({gain[:, 1].mean():+.3f})"
            cells.append(shown)
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
