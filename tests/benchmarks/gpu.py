"""The engine, the backbone and whole rounds on a GPU, beside the processor of the same machine.

.venv/bin/python -m tests.benchmarks.gpu         # docs/gpu.md (five minutes on an H100)
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from fishermask_backend.fisher import fisher_diagonal, fisher_mask, masked_factors, select_batch
from fishermask_backend.learning.backbones import load_backbone
from fishermask_backend.learning.backbones.small_cnn import small_cnn
from fishermask_backend.settings import Settings
from tests.fisher.networks import published_cnn
from tests.this_machine import ROOT, machine

from .engine import rounds
from .engine.measure import interleaved, spread
from .engine.pools import clustered_features, pool, trained_head
from .engine.published import published_selection
from .engine.selection import RIDGE, cost
from .gpu_page import write

RESULTS = ROOT / ".benchmarks/gpu.json"
CLASSES, K, DIM = 10, 100, 1400
GPU, CPU = torch.device("cuda"), torch.device("cpu")
SELECTIONS = (1000, 10_000, 50_000, 100_000)
ON_CPU, PUBLISHED = 10_000, 50_000  # the largest pools that the others see
PICKS = 5  # of the published algorithm: each takes the same time
ROUNDS = (3000, 30_000, 100_000, 300_000, 1_000_000)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=1_000_000, help="most images of a pool")
    largest = parser.parse_args().largest
    if not torch.cuda.is_available():
        parser.exit(1, "There is no CUDA device, and this measures one.\n")
    started = time.perf_counter()
    found: dict[str, Any] = {"machine": machine(), "date": date.today().isoformat()}
    found["gemm"] = {name: rate(getattr(torch, name)) for name in ("float32", "float64")}
    RESULTS.parent.mkdir(exist_ok=True)
    for part in (gradients, embedding, selections, whole_rounds):
        found[part.__name__] = []
        for row in part(largest):
            print(row, flush=True)
            found[part.__name__].append(row)
            found["seconds"] = time.perf_counter() - started
            RESULTS.write_text(json.dumps(found, indent=1))
    write(found)


def rate(dtype: torch.dtype) -> float:
    """Measured multiply-adds a second of large matrix products, in 1e12."""
    a = torch.rand((8192, 8192), dtype=dtype, device=GPU)
    times = interleaved({"product": on_gpu(lambda: a @ a)}, 5)["product"]
    return 8192**3 / statistics.median(times) / 1e12


def on_gpu(work: Callable[[], object]) -> Callable[[], object]:
    """Work that is done when it returns."""

    def done() -> None:
        work()
        torch.cuda.synchronize()

    return done


def gradients(largest: int) -> Iterator[dict[str, Any]]:
    """Diagonal and factors of some networks, in forward passes and beside the processor."""
    torch.manual_seed(0)
    grey, colour = torch.rand(8192, 1, 28, 28), torch.rand(256, 3, 32, 32)
    features, labels = clustered_features(10_000, CLASSES)
    cases: dict[str, tuple[nn.Module, Tensor]] = {
        "the paper's CNN, 28×28": (published_cnn(CLASSES), grey[:256]),
        "the same": (published_cnn(CLASSES), grey),
        "`BACKBONE=small_cnn`, 32×32": (
            nn.Sequential(small_cnn(32), nn.Linear(64, CLASSES)), colour,
        ),
        "resnet18, 32×32": (resnet18(num_classes=CLASSES), colour),
        "efficientnet_lite0's head": (trained_head(features[:256], labels[:256], CLASSES), features),
    }  # fmt: skip
    for name, case in cases.items():
        yield {"network": name} | compare(*case)


def compare(model: nn.Module, images: Tensor) -> dict[str, Any]:
    there, few = deepcopy(model).to(GPU).eval(), images[:256]
    on_card = images.to(GPU)
    diagonal = fisher_diagonal(model.eval(), few)
    mask = fisher_mask(diagonal, model, inner=round(0.002 * len(diagonal)))
    off = (fisher_diagonal(there, few.to(GPU)).cpu() - diagonal).abs().max() / diagonal.max()
    works = {
        "forward": on_gpu(lambda: forward(there, on_card)),
        "diagonal": on_gpu(lambda: fisher_diagonal(there, on_card)),
        "factors": on_gpu(lambda: masked_factors(there, on_card, mask.to(GPU))),
    }
    here = {"diagonal": lambda: fisher_diagonal(model, images)}
    return {
        "images": len(images),
        "parameters": len(diagonal),
        "d": len(mask),
        "times": {name: spread(taken) for name, taken in interleaved(works, 9, 10).items()},
        "cpu": spread(interleaved(here, 3, 4)["diagonal"]),
        "difference": float(off),
    }


@torch.no_grad()
def forward(model: nn.Module, images: Tensor) -> Tensor:
    return model(images)


def embedding(largest: int) -> Iterator[dict[str, Any]]:
    """Images a second through the default backbone, decoded already."""
    settings = Settings(label_studio_url="http://127.0.0.1:8080")
    pixels = np.random.default_rng(0).integers(
        256, size=(1024, 3, settings.image_size, settings.image_size), dtype=np.uint8
    )
    for device, count in ((GPU, 1024), (CPU, 128)):
        backbone = load_backbone(
            settings.backbone, train="head", image_size=settings.image_size, weights=None,
            device=device,
        )  # fmt: skip
        times = interleaved({"rows": lambda b=backbone, n=count: b.rows(pixels[:n])}, 3)["rows"]
        yield {
            "device": device.type, "backbone": settings.backbone, "size": settings.image_size,
            "rate": count / statistics.median(times),
        }  # fmt: skip


def selections(largest: int) -> Iterator[dict[str, Any]]:
    """`select_batch` beside the published algorithm, both on the GPU, and the processor's picks."""
    for N in (size for size in SELECTIONS if size <= largest):
        V, known = pool(N, CLASSES, DIM, device="cuda")
        torch.cuda.reset_peak_memory_stats()
        work = {"ours": lambda V=V, known=known: selected(V, known)}
        taken = interleaved(work, 3)["ours"]
        picked = selected(V, known)
        row: dict[str, Any] = {
            "N": N, "ours": spread(taken), "peak_gb": torch.cuda.max_memory_allocated() / 1e9,
            "multiply_adds": cost(N, int(known.sum()), DIM, K),
        }  # fmt: skip
        if N <= PUBLISHED:
            seconds, theirs = published(V, known)
            row |= {"published": seconds, "published_same": theirs == picked[:PICKS]}
        if N <= ON_CPU:
            here, labelled = V.cpu(), known.cpu()
            started = time.perf_counter()
            own = selected(here, labelled)
            row |= {"cpu": time.perf_counter() - started, "cpu_same": own == picked}
        yield row
        del V, known, work
        torch.cuda.empty_cache()


def selected(V: Tensor, known: Tensor) -> list[int]:
    return select_batch(V, known, K, ridge=RIDGE, pick_weight="sample").indices.tolist()


def published(V: Tensor, known: Tensor) -> tuple[float, list[int]]:
    """Seconds of K picks, from a few of them, and these."""
    seconds = []
    for picks in (0, 0, PICKS):  # the first one warms up
        started = time.perf_counter()
        picked = published_selection(V, known, K, picks, RIDGE)
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - started)
    before, few = seconds[1:]
    return before + K * (few - before) / PICKS, picked


def whole_rounds(largest: int) -> Iterator[dict[str, Any]]:
    """The backend's own functions, over the trained head: its Fisher matrix is larger."""
    for N in (size for size in ROUNDS if size <= largest):
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()
        found = rounds.child(N, 2, "cuda", over="head")
        yield found | {"gpu_gb": torch.cuda.max_memory_allocated() / 1e9}


if __name__ == "__main__":
    main()
