"""`select_batch` over pool sizes and over d, against the published step-by-step algorithm."""

import json
import sys
import time
from typing import Any

import torch

from fishermask_backend.fisher import select_batch

from .measure import in_process, peak_memory
from .pools import pool
from .published import published_selection

CLASSES, RIDGE = 10, 0.1


def run(*, quick: bool) -> dict[str, Any]:
    K, repeats = (5, 1) if quick else (100, 3)
    sizes = [300, 600] if quick else [1000, 3000, 10_000, 20_000, 50_000]
    dims = [650, 700] if quick else [650, 1000, 1400, 2000]
    d, N = dims[1 if quick else 2], sizes[0 if quick else 2]
    over_n = [in_process("selection", "ours", n, d, K, repeats if n <= N else 1) for n in sizes]
    over_d = [in_process("selection", "ours", N, dim, K, 1) for dim in dims]
    theirs = [  # all picks of small pools, a few of large ones: each costs the same
        in_process("selection", "published", n, d, K, K if n < 3000 else 5) for n in sizes
    ]
    for ours, published in zip(over_n, theirs, strict=True):
        published["same_picks"] = published["picked"] == ours["picked"][: published["picks"]]
    return {"K": K, "over_n": over_n, "over_d": over_d, "published": theirs}


def agreement(*, quick: bool) -> dict[str, Any]:
    """Compare all picks of the pool that the target names; takes half an hour."""
    N, d, K = (300, 650, 5) if quick else (10_000, 1400, 100)
    ours = in_process("selection", "ours", N, d, K, 1)
    theirs = in_process("selection", "published", N, d, K, K)
    same = sum(a == b for a, b in zip(ours["picked"], theirs["picked"], strict=True))
    return {"N": N, "d": d, "K": K, "same": same}


def child(kind: str, N: int, d: int, K: int, times: int) -> dict[str, Any]:
    """Time one size; `times` repeats of ours, or so many picks of the published algorithm."""
    V, known = pool(N, CLASSES, d)
    result: dict[str, Any] = {"N": N, "d": d, "K": K, "pool_gb": V.nbytes / 1e9}
    if kind == "ours":
        seconds = []
        for _ in range(times):
            started = time.perf_counter()
            selection = select_batch(V, known, K, ridge=RIDGE, pick_weight="sample")
            seconds.append(time.perf_counter() - started)
        result |= {"picked": selection.indices.tolist(), "seconds": seconds}
        return result | {"peak_gb": peak_memory(), "multiply_adds": cost(N, int(known.sum()), d, K)}
    started = time.perf_counter()
    published_selection(V, known, K, 0, RIDGE)
    before = time.perf_counter() - started
    started = time.perf_counter()
    picked = published_selection(V, known, K, times, RIDGE)
    each = (time.perf_counter() - started - before) / times
    result |= {"picked": picked, "picks": times, "seconds_a_pick": each}
    return result | {"seconds": before + K * each, "peak_gb": peak_memory()}


def cost(N: int, L: int, d: int, K: int) -> float:
    """Multiply-adds in float64 that the algorithm cannot avoid.

    Half of VᵀV, the triangular solve of X L⁻ᵀ, its product with H, and a step's B and E.
    """
    rows, candidates = N * CLASSES, (N - L) * CLASSES
    return rows * d * d / 2 + candidates * d * d * 1.5 + K * candidates * 2 * CLASSES * d


if __name__ == "__main__":
    torch.manual_seed(0)
    print(json.dumps(child(sys.argv[1], *map(int, sys.argv[2:]))))
