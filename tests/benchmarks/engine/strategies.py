"""What the engine is for: does a pool labelled in FisherMask's order teach more?

Fashion-MNIST as in `options`, from twenty random labels on, so that the batches alone differ: a
cold start, whose gain docs/training.md has, would be the same for all.
"""

from typing import Any

import torch
from torch import Tensor, nn

from fishermask_backend.classifier import probabilities
from tests.benchmarks import study_data as study

from .measure import RESULTS
from .options import EXACT, Option, at_random, by_entropy, curve, picker

LAST_LAYER = Option("the last layer alone (BAIT)", mask={"inner": 0})


def by_margin(model: nn.Module, rows: Tensor, known: Tensor, K: int) -> Tensor:
    """The images whose two most probable classes are nearest each other."""
    best = probabilities(model, rows, "categorical").topk(2).values
    margin = (best[:, 0] - best[:, 1]).masked_fill(known, torch.inf)
    return margin.topk(K, largest=False).indices


STRATEGIES = {
    "FisherMask": picker(EXACT),
    LAST_LAYER.name: picker(LAST_LAYER),
    "margin": by_margin,
    "entropy": by_entropy,
    "random": at_random,
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
            for strategy, pick in STRATEGIES.items():
                found = curve(backbone, rows, labels, pool, test, pick, rounds, K)
                curves.setdefault(strategy, []).append(found)
    return made
