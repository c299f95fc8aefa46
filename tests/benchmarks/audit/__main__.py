"""Is the audit honest, what does it cost, and does the forecast stop in time? By simulation.

`python -m tests.benchmarks.audit --rows FOLDER` writes docs/audit.md. FOLDER holds a file NAME.npz for
each set of images: `rows` (N, F), the backbone's features, and `labels` (N,). Courses are kept in
`.benchmarks/audit`, so that a run that was cut off goes on.
"""

import argparse
from pathlib import Path

import torch

from fishermask_backend.learning.backbones import load_backbone
from tests.benchmarks.audit.courses import Plan, run
from tests.benchmarks.audit.page import write
from tests.this_machine import ROOT


def main() -> None:
    """Write docs/audit.md."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rows", type=Path, required=True, help="folder of NAME.npz")
    parser.add_argument("--out", type=Path, default=ROOT / ".benchmarks" / "audit")
    parser.add_argument("--seeds", type=int, default=5, help="courses of each set")
    parser.add_argument("--strategy", default="margin")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--pool", type=int, default=2000)
    given = parser.parse_args()
    backbone = load_backbone(
        "efficientnet_lite2", train="head", image_size=0, weights="", device=torch.device("cpu")
    )
    found = {}
    for name in sorted(path.stem for path in given.rows.glob("*.npz")):
        plans = [
            Plan(name, given.strategy, audited, seed, given.rounds, given.pool)
            for audited in (False, True)
            for seed in range(given.seeds)
        ]
        courses = [run(plan, given.rows, given.out, backbone) for plan in plans]
        found[name] = (courses[: given.seeds], courses[given.seeds :])
    more = f"--strategy {given.strategy} --rounds {given.rounds} --pool {given.pool}"
    write(found, given.strategy, f"--rows FOLDER --seeds {given.seeds} {more}")


if __name__ == "__main__":
    main()
