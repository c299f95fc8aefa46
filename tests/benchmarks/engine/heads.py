"""A trained head's factors by their structure, beside the same factors formed: time, memory, picks."""

import json
import statistics
import sys
import time
from typing import Any

import torch
from torch import Tensor, nn

from fishermask_backend.fisher import (
    Factors,
    fisher_diagonal,
    fisher_mask,
    head_factors,
    masked_factors,
    score_new,
    select_batch,
)

from .measure import in_process, interleaved, peak_memory, spread
from .pools import clustered_features, trained_head

INNER, MAX_DIM, RIDGE = 1000, 4096, 0.1
# name, images, classes, picks, top_classes (0: all), whether formed factors are timed too, runs
CASES = [
    ("default head", 3000, 10, 60, 0, 1, 3),
    ("40 classes", 1000, 40, 20, 0, 1, 3),
    ("100 classes", 3000, 100, 60, 20, 1, 1),
    ("many images", 100_000, 10, 60, 0, 0, 1),
]
QUICK = [("default head", 300, 5, 5, 0, 1, 1), ("more classes", 200, 12, 5, 4, 1, 1)]


def run(*, quick: bool) -> dict[str, Any]:
    """In turns, each in a process of its own; the mask is made before, the order is the end."""
    rows = []
    for name, N, C, K, top, formed, runs in QUICK if quick else CASES:
        kinds = ["structure", "formed"][: 1 + formed]
        made: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
        for _ in range(runs):
            for kind in kinds:
                made[kind].append(in_process("heads", kind, N, C, K, top))
        row: dict[str, Any] = {"name": name, "N": N, "C": C, "K": K, "top": top}
        row["d"] = made["structure"][0]["d"]
        for kind, found in made.items():
            row[kind] = statistics.median(one["seconds"] for one in found)
            row[f"{kind}_gb"] = max(one["peak_gb"] for one in found)
        if formed:
            row["same_picks"] = made["structure"][0]["picked"] == made["formed"][0]["picked"]
        rows.append(row)
    return {"rows": rows, "one_task": spread(one_task(300 if quick else 2000))}


def problem(N: int, C: int, top: int | None) -> tuple[nn.Module, Tensor, Tensor, Tensor]:
    """A trained head, its pool, the default mask, and which images are labelled."""
    features, labels = clustered_features(N, C)
    known = torch.zeros(N, dtype=torch.bool)
    count = min(max(120, 2 * C), N // 2)
    known[torch.randperm(N, generator=torch.Generator().manual_seed(1))[:count]] = True
    model = trained_head(features[known], labels[known], C)
    diagonal = fisher_diagonal(model, features[:2000], top_classes=top)
    return model, features, fisher_mask(diagonal, model, inner=INNER, max_dim=MAX_DIM), known


def factors(kind: str, model: nn.Module, rows: Tensor, mask: Tensor, top: int | None) -> Any:
    if kind == "formed":
        return masked_factors(model, rows, mask, top_classes=top)
    found: Factors | None = head_factors(model, rows, mask, top_classes=top)
    assert found is not None
    return found


def child(kind: str, N: int, C: int, K: int, top: int | None) -> dict[str, Any]:
    model, rows, mask, known = problem(N, C, top)
    started = time.perf_counter()
    made = factors(kind, model, rows, mask, top)
    selection = select_batch(made, known, K, ridge=RIDGE, pick_weight="sample")
    return {
        "d": len(mask),
        "seconds": time.perf_counter() - started,
        "peak_gb": peak_memory(),
        "picked": selection.indices.tolist(),
    }


def one_task(N: int) -> list[float]:
    """Seconds of `score_new` for one task of a head of ten classes."""
    model, rows, mask, known = problem(N, 10, None)
    head = factors("structure", model, rows, mask, None)
    scorer = select_batch(head, known, 5, ridge=RIDGE, pick_weight="sample").scorer
    one = head[torch.tensor([0])]
    return interleaved({"one": lambda: score_new(scorer, one)}, 20)["one"]


if __name__ == "__main__":
    kind, N, C, K, top = sys.argv[1], *map(int, sys.argv[2:])
    print(json.dumps(child(kind, N, C, K, top or None)))
