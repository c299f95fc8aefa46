"""A trained head's factors by their structure, beside the same factors formed: time, memory, picks."""

import cProfile
import json
import pstats
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fishermask_backend.fisher import (
    Factors,
    enough_classes,
    fisher_diagonal,
    fisher_mask,
    head_factors,
    masked_factors,
    select_batch,
)
from fishermask_backend.learning.candidates import bytes_needed

from .folders import rows_of_folder
from .measure import in_process, peak_memory
from .pools import clustered_features, trained_head

PROFILED = {"default head", "a tenth of many images"}
STAGES = {  # disjoint functions of fisher/, and what the page calls them
    "head_factors": "making the factors",
    "gram": "I_U and A",
    "cholesky": "A⁻¹ and A⁻¹ I_U A⁻¹",
    "cholesky_inverse": "A⁻¹ and A⁻¹ I_U A⁻¹",
    "sandwiched": "A⁻¹ and A⁻¹ I_U A⁻¹",
    "blocks": "P and Q at the start",
    "_update": "P and Q at the picks",
    "times_both": "rows of A⁻¹ and A⁻¹ I_U A⁻¹ at the picks",
    "_leading": "gains and their bounds",
}
INNER, MAX_DIM, RIDGE = 1000, 4096, 0.1
SYNTHETIC = "-"


@dataclass(frozen=True)
class Case:
    """What is selected from.

    Attributes:
        name: For the table.
        N: Images.
        C: Classes.
        K: Picks.
        top: `top_classes`; 0: all, −1: what `enough_classes` says.
        formed: Whether factors are formed, too.
        runs: Of each; medians are told.
    """

    name: str
    N: int
    C: int
    K: int
    top: int = 0
    formed: bool = True
    runs: int = 3


CASES = [
    Case("small pool", 300, 10, 60),
    Case("default head", 3000, 10, 60),
    Case("40 classes", 1000, 40, 20, runs=1),
    Case("100 classes", 3000, 100, 60, top=20, runs=1),
    Case("100 classes, by itself", 3000, 100, 60, top=-1, formed=False, runs=1),
    Case("1,000 classes", 3000, 1000, 60, top=-1, formed=False, runs=1),
    Case("a tenth of many images", 10_000, 10, 60, runs=1),
    Case("many images", 100_000, 10, 60, formed=False, runs=1),
]
QUICK = [Case("default head", 300, 10, 5, runs=1), Case("more classes", 200, 12, 5, 4, runs=1)]


def run(*, quick: bool, images: Path | None = None) -> dict[str, Any]:
    """In turns, each in a process of its own; the mask is made before, the order is the end.

    Args:
        quick: Tiny sizes.
        images: A folder of images, one folder a class, to be a case, too; its rows are kept.
    """
    rows = [measured(case, SYNTHETIC) for case in (QUICK if quick else CASES)]
    if images is not None:
        features, labels = rows_of_folder(images)
        # Formed, the factors of thousands of images in many classes would take gigabytes.
        case = Case(
            images.name, len(features), int(labels.max()) + 1, 60, top=-1, formed=False, runs=1
        )
        rows.append(measured(case, str(images)))
    profiles = [
        in_process("heads", "profile", case.N, case.C, case.K, case.top, SYNTHETIC)
        for case in (QUICK if quick else CASES)
        if case.name in PROFILED
    ]
    return {"rows": rows, "profiles": profiles}


def measured(case: Case, images: str) -> dict[str, Any]:
    kinds = ["structure", "formed"][: 1 + case.formed]
    made: dict[str, list[dict[str, Any]]] = {kind: [] for kind in kinds}
    for _ in range(case.runs):
        for kind in kinds:
            asked = (kind, case.N, case.C, case.K, case.top, images)
            made[kind].append(in_process("heads", *asked))
    first = made["structure"][0]
    row: dict[str, Any] = {"name": case.name, "N": case.N, "C": case.C, "K": case.K}
    row |= {"top": first["top"], "d": first["d"], "runs": case.runs}
    row["estimated_gb"] = first["estimated_gb"]
    for kind, found in made.items():
        row[kind] = statistics.median(one["seconds"] for one in found)
        row[f"{kind}_cpu"] = statistics.median(one["cpu"] for one in found)
        row[f"{kind}_gb"] = max(one["peak_gb"] for one in found)
    if case.formed:
        row["same_picks"] = first["picked"] == made["formed"][0]["picked"]
    return row


def problem(
    N: int, C: int, top: int | None, images: str = SYNTHETIC
) -> tuple[nn.Module, Tensor, Tensor, Tensor, int | None]:
    """A trained head, its pool, the default mask, which images are labelled, and `top_classes`."""
    features, labels = (
        clustered_features(N, C) if images == SYNTHETIC else rows_of_folder(Path(images))
    )
    known = torch.zeros(N, dtype=torch.bool)
    count = min(max(120, 2 * C), N // 2)
    known[torch.randperm(N, generator=torch.Generator().manual_seed(1))[:count]] = True
    model = trained_head(features[known], labels[known], C)
    if top == -1:
        with torch.inference_mode():
            top = enough_classes(model(features).softmax(1))
    diagonal = fisher_diagonal(model, features[:2000], top_classes=top)
    mask = fisher_mask(diagonal, model, inner=INNER, max_dim=MAX_DIM)
    return model, features, mask, known, top


def factors(kind: str, model: nn.Module, rows: Tensor, mask: Tensor, top: int | None) -> Any:
    if kind == "formed":
        return masked_factors(model, rows, mask, top_classes=top)
    found: Factors | None = head_factors(model, rows, mask, top_classes=top)
    assert found is not None
    return found


def child(kind: str, N: int, C: int, K: int, top: int | None, images: str) -> dict[str, Any]:
    model, rows, mask, known, top = problem(N, C, top, images)
    started, used = time.perf_counter(), time.process_time()
    made = factors(kind, model, rows, mask, top)
    selection = select_batch(made, known, K, ridge=RIDGE, pick_weight="sample")
    return {
        "d": len(mask),
        "top": top or 0,
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - used,
        "peak_gb": peak_memory(),
        "estimated_gb": estimated(rows, made) / 1e9,
        "picked": selection.indices.tolist(),
    }


def estimated(rows: Tensor, made: Any) -> int:
    """Bytes that the backend would reckon with; here rows are there once."""
    N, R, d = made.shape
    each = made.image_bytes if isinstance(made, Factors) else made[:1].nbytes
    return bytes_needed(
        N, row_bytes=rows[:1].nbytes // 2, factor_bytes=each, classes=R, mask_size=d
    )


def profile(N: int, C: int, K: int, top: int | None, images: str) -> dict[str, Any]:
    """Seconds of the processor in each stage, on one thread."""
    torch.set_num_threads(1)
    model, rows, mask, known, top = problem(N, C, top, images)
    profiler = cProfile.Profile(time.process_time)
    profiler.enable()
    made = factors("structure", model, rows, mask, top)
    select_batch(made, known, K, ridge=RIDGE, pick_weight="sample")
    profiler.disable()
    stages: dict[str, float] = dict.fromkeys(STAGES.values(), 0.0)
    stats = pstats.Stats(profiler)
    for (_, _, name), (*_, cumulative, _) in stats.stats.items():  # type: ignore[attr-defined]
        own = name.removeprefix("<built-in method torch.").rstrip(">")
        if own in STAGES:
            stages[STAGES[own]] += cumulative
    total = stats.total_tt  # type: ignore[attr-defined]
    return {"N": N, "C": C, "K": K, "seconds": total, "stages": stages}


if __name__ == "__main__":
    kind, images = sys.argv[1], sys.argv[6]
    N, C, K, top = map(int, sys.argv[2:6])
    asked = (N, C, K, top or None, images)
    print(json.dumps(profile(*asked) if kind == "profile" else child(kind, *asked)))
