"""What a round's Fisher computation costs in one process and in two, and what that means for many.

    .venv/bin/python -m tests.benchmarks.scaling         # docs/scaling.md (half an hour)

Every process has one thread, so that two on two cores are what two machines would be, but for the
network: what they tell each other goes over loopback and is counted there.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fishermask_backend.learning.acquisition import acquire
from fishermask_backend.learning.backbones import load_backbone
from fishermask_backend.learning.classifier import fit_classifier, probabilities
from fishermask_backend.learning.fisher_job import acquire_in_processes
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import load_settings
from tests.this_machine import ROOT, machine

from .engine.pools import clustered_features
from .engine.rounds import CLASSES, label_spec
from .scaling_page import write

RESULTS = ROOT / ".benchmarks/scaling.json"
# MASK_INNER, its default first: images
CASES = {1000: (1000, 3000, 10_000, 30_000, 100_000), 3000: (1000, 3000, 10_000)}
LABELLED = 120
FEW = 3000  # images: up to here the median of three runs


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, default=100_000, help="most images")
    parser.add_argument("--child", type=int, nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        print(json.dumps(child(*options.child)))
        return
    rows = [
        in_process(size, processes, inner)
        for inner, sizes in CASES.items()
        for size in sizes
        for processes in (1, 2)
        if size <= options.largest
    ]
    measured = {"rows": rows, "machine": machine(), "date": date.today().isoformat()}
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(measured, indent=1))
    write(measured)


def in_process(size: int, processes: int, inner: int) -> dict[str, Any]:
    """Measure one case in a process of its own, whose one thread is its own."""
    command = [sys.executable, "-m", "tests.benchmarks.scaling", "--child", size, processes]
    with tempfile.TemporaryDirectory() as folder:
        env = os.environ | {
            "MODEL_DIR": folder,
            "FISHER_PROCESSES": str(processes),
            "MASK_INNER": str(inner),
            "OMP_NUM_THREADS": "1",
            "DEVICE": "cpu",
        }
        ran = subprocess.run(
            [str(word) for word in command],
            cwd=ROOT, env=env, check=True, text=True, stdout=subprocess.PIPE,
        )  # fmt: skip
    found = dict(json.loads(ran.stdout.splitlines()[-1]))
    print(found, flush=True)
    return found


def child(size: int, processes: int) -> dict[str, Any]:
    """Seconds and traffic of one acquisition."""
    settings = load_settings()
    backbone = load_backbone(
        settings.backbone, train="head", image_size=settings.image_size, weights=None,
        device=torch.device("cpu"),
    )  # fmt: skip
    rows, labels = clustered_features(size, CLASSES)
    known = torch.arange(LABELLED)
    model = fit_classifier(
        backbone, rows[known], labels[known], num_classes=CLASSES, likelihood="categorical",
        pool_rows=rows, seed=0,
    )  # fmt: skip
    probs = probabilities(model, rows, "categorical")
    labelled = torch.zeros(size, dtype=torch.bool).index_fill(0, known, True)
    recipe = FactorRecipe.of(settings, label_spec())
    trained = Trained(model, backbone.key, rows, probs, labelled, ~labelled, recipe)
    seconds, traffic = [], []
    for _ in range(3 if size <= FEW else 1):
        before, start = loopback_bytes(), time.perf_counter()
        if processes == 1:
            found = acquire(trained, settings)
        else:
            found = acquire_in_processes(trained, settings)
        seconds.append(time.perf_counter() - start)
        traffic.append(loopback_bytes() - before)
        assert len(found.chosen) == size, found.notes  # all of it fits
    return {
        "N": size,
        "processes": processes,
        "L": LABELLED,
        "K": settings.queue_size,
        "C": CLASSES,
        "d": len(found.masks[0]),
        "P": sum(p.numel() for p in model.parameters() if p.requires_grad),
        "seconds": float(np.median(seconds)),
        "runs": len(seconds),
        "mb": float(np.median(traffic)) / 1e6 if processes > 1 else 0.0,
    }


def loopback_bytes() -> int:
    """Bytes that this machine has sent to itself."""
    lines = Path("/proc/net/dev").read_text().splitlines()
    (counts,) = (line.split(":")[1] for line in lines if line.strip().startswith("lo:"))
    return int(counts.split()[0])


if __name__ == "__main__":
    main()
