"""What the engine is for: does a pool labelled in FisherMask's order teach more?

Fashion-MNIST as in `options`, from twenty random labels on, so that the batches alone differ: a
cold start, whose gain docs/training.md has, would be the same for all.
"""

from typing import Any

import torch

from tests.benchmarks import study_data as study

from .measure import RESULTS
from .options import by_strategy, curve

# As the page calls them: as the backend does.
NAMES = {
    "FisherMask": "fishermask",
    "the last layer alone (BAIT)": "bait",
    "margin": "margin",
    "entropy": "entropy",
    "random": "random",
}


def run(*, quick: bool) -> dict[str, Any]:
    """Curves of accuracy, one a seed: {pool: {strategy: [[...], ...]}}."""
    seeds, K, rounds = (1, 5, 1) if quick else (10, 20, 12)
    backbone = study.lite0(96)
    rows = study.rows_of("fashion", backbone, RESULTS / "features")
    labels = torch.from_numpy(study.images_of("fashion")[1])
    made: dict[str, Any] = {"K": K, "curves": {}}
    for seed in range(seeds):
        for name, imbalanced in {"imbalanced": True, "balanced": False}.items():
            pool, test = study.cut_of(labels, "fashion", seed, imbalanced=imbalanced)
            curves = made["curves"].setdefault(name, {})
            for strategy, setting in NAMES.items():
                pick = by_strategy(setting, seed)
                found = curve(backbone, rows, labels, pool, test, pick, rounds, K)
                curves.setdefault(strategy, []).append(found)
    return made
