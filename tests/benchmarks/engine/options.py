"""What each named approximation costs: picks, objective, and accuracy of what is learned.

Features of Fashion-MNIST by the default backbone, the head and the settings of a round, an
imbalanced pool (five random classes keep a tenth of their images).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

from fishermask_backend.fisher import (
    fisher_diagonal,
    fisher_mask,
    masked_factors,
    rest_weight,
    select_batch,
)
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import fit_classifier, probabilities
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.strategies import STRATEGIES
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings
from tests.benchmarks import study_data as study
from tests.benchmarks.study_training import accuracy_of

from .measure import RESULTS

RIDGE, INNER, START = 0.1, 1000, 20

Pick = Callable[[nn.Module, Tensor, Tensor, int], Tensor]  # model, rows, known, K → indices


@dataclass(frozen=True)
class Option:
    """Keyword arguments of each step."""

    name: str
    diagonal: dict[str, Any] = field(default_factory=dict)
    mask: dict[str, Any] = field(default_factory=dict)
    factors: dict[str, Any] = field(default_factory=dict)
    select: dict[str, Any] = field(default_factory=dict)
    dtype: torch.dtype = torch.float32


EXACT = Option("exact")
OPTIONS = [
    *(
        Option(f"top_classes={c}", {"top_classes": c}, factors={"top_classes": c})
        for c in (5, 3, 2, 1)
    ),
    *(Option(f"max_dim={m} by Fisher value", mask={"max_dim": m}) for m in (1200, 800, 400)),
    *(Option(f"max_dim={m} by sketch", factors={"max_dim": m}) for m in (1200, 800, 400)),
    *(Option(f"pool_limit={n}", select={"pool_limit": n}) for n in (400, 200, 100)),
    Option("factors in bfloat16", dtype=torch.bfloat16),
    Option("factors in float16", dtype=torch.float16),
]
SIMULATED = {"top_classes=3", "max_dim=400 by Fisher value", "max_dim=400 by sketch"} | {
    "pool_limit=200",
    "factors in bfloat16",
}


def run(*, quick: bool) -> dict[str, Any]:
    seeds, K, rounds = (1, 5, 1) if quick else (10, 20, 5)
    backbone = study.lite0(96)
    rows = study.rows_of("fashion", backbone, RESULTS / "features")
    labels = torch.from_numpy(study.images_of("fashion")[1])
    cuts = [study.cut_of(labels, "fashion", seed, imbalanced=True) for seed in range(seeds)]
    picks = [
        one_batch(backbone, rows, labels, pool, K, seed) for seed, (pool, _) in enumerate(cuts[:4])
    ]
    simulated = [option for option in [EXACT, *OPTIONS] if option.name in {"exact", *SIMULATED}]
    curves = {
        option.name: [
            curve(backbone, rows, labels, pool, test, picker(option), rounds, K)
            for pool, test in cuts
        ]
        for option in simulated
    }
    for name in ("random", "entropy"):
        curves[name] = [
            curve(backbone, rows, labels, pool, test, by_strategy(name, seed), rounds, K)
            for seed, (pool, test) in enumerate(cuts)
        ]
    return {"K": K, "start": START, "picks": picks, "curves": curves}


def one_batch(
    backbone: Backbone, rows: Tensor, labels: Tensor, pool: Tensor, K: int, seed: int
) -> dict[str, Any]:
    """Each option's batch against the exact one's, from the same model on 100 labels."""
    known = torch.zeros(len(pool), dtype=torch.bool)
    known[torch.randperm(len(pool), generator=torch.Generator().manual_seed(seed))[:100]] = True
    model = train(backbone, rows[pool], labels[pool], known)
    V, exact, seconds = batch(model, rows[pool], known, K, EXACT)
    best, chance = (
        objective(V, known, exact),
        objective(V, known, by_strategy("random", seed)(model, rows[pool], known, K)),
    )
    found = {"exact": {"overlap": 1.0, "lost": 0.0, "seconds": seconds}}
    for option in OPTIONS:
        _, picked, seconds = batch(model, rows[pool], known, K, option)
        reached = objective(V, known, picked)
        found[option.name] = {
            "overlap": len(set(picked.tolist()) & set(exact.tolist())) / K,
            "lost": (reached - best) / (chance - best),
            "seconds": seconds,
        }
    p = probabilities(model, rows[pool], "categorical")
    rest = {str(c): float(rest_weight(p, c).mean()) for c in (5, 3, 2, 1)}
    return {"options": found, "rest": rest}


def batch(
    model: nn.Module, rows: Tensor, known: Tensor, K: int, option: Option
) -> tuple[Tensor, Tensor, float]:
    """Factors, picks and seconds."""
    started = time.perf_counter()
    diagonal = fisher_diagonal(model, rows, **option.diagonal)
    mask = fisher_mask(diagonal, model, **({"inner": INNER} | option.mask))
    V = masked_factors(model, rows, mask, **option.factors).to(option.dtype)
    picked = select_batch(V, known, K, ridge=RIDGE, pick_weight="sample", **option.select).indices
    return V, picked, time.perf_counter() - started


def objective(V: Tensor, known: Tensor, picked: Tensor) -> float:
    """tr[(λI + Σ)⁻¹ I_U] after the batch, on the exact factors."""
    rows = V.double()
    together = torch.cat([known.nonzero().flatten(), picked])
    A = torch.einsum("nci,ncj->ij", rows[together], rows[together]) / len(together)
    A.diagonal().add_(RIDGE)
    flat = rows.flatten(0, 1)
    return float(torch.linalg.solve(A, flat.T @ flat / len(V)).trace())


def curve(
    backbone: Backbone, rows: Tensor, labels: Tensor, pool: Tensor, test: Tensor,
    pick: Pick, rounds: int, K: int,
) -> list[float]:  # fmt: skip
    """Accuracy on the test images, every class counted the same, after each round of labels."""
    known = torch.zeros(len(pool), dtype=torch.bool)
    known[torch.randperm(len(pool), generator=torch.Generator().manual_seed(7))[:START]] = True
    accuracies = []
    for _ in range(rounds):
        model = train(backbone, rows[pool], labels[pool], known)
        known[pick(model, rows[pool], known, K)] = True
        chosen = pool[known]
        accuracies.append(accuracy_of(backbone, rows, labels, pool, chosen, test))
    return accuracies


def picker(option: Option) -> Pick:
    return lambda model, rows, known, K: batch(model, rows, known, K, option)[1]


def by_strategy(name: str, seed: int) -> Pick:
    """The first K images in the order of one of the backend's strategies, its settings the defaults."""

    def pick(model: nn.Module, rows: Tensor, known: Tensor, K: int) -> Tensor:
        settings = Settings(batch_size=K, queue_margin=0, seed=seed)
        probs = probabilities(model, rows, "categorical")
        recipe = FactorRecipe("categorical", settings.weighting, seed=seed)
        trained = Trained(model, "", rows, probs, known, ~known, recipe)
        order = STRATEGIES[name].order(trained, settings, lambda stage: None)
        return order.scores.argsort()[:K]

    return pick


def train(backbone: Backbone, rows: Tensor, labels: Tensor, known: Tensor) -> nn.Module:
    return fit_classifier(
        backbone, rows[known], labels[known], num_classes=10, likelihood="categorical",
        pool_rows=rows, seed=0,
    )  # fmt: skip
