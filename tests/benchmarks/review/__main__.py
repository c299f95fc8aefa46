"""How many of the labels that are listed for review are wrong? By simulation.

`python -m tests.benchmarks.review --rows FOLDER` writes docs/review.md and its picture. FOLDER holds a
file NAME.npz for each set of images: `rows` (N, F), the backbone's features, and `labels` (N,). Courses
are kept in `.benchmarks/review`, so that a run that was cut off goes on.
"""

import argparse
from pathlib import Path

import torch

from fishermask_backend.learning.backbones import load_backbone
from tests.benchmarks.audit.courses import rows_of
from tests.benchmarks.review.courses import Plan, cost, run
from tests.this_machine import ROOT

FEW_CLASSES = 10  # with more FisherMask takes minutes a course


def main() -> None:
    """Write docs/review.md."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--rows", type=Path, required=True, help="folder of NAME.npz")
    parser.add_argument("--out", type=Path, default=ROOT / ".benchmarks" / "review")
    parser.add_argument("--seeds", type=int, default=5, help="courses of each set and strategy")
    parser.add_argument("--pool", type=int, default=2000)
    given = parser.parse_args()
    backbone = load_backbone(
        "efficientnet_lite2", train="head", image_size=0, weights="", device=torch.device("cpu")
    )
    seconds = cost(min(given.rows.glob("*.npz")), given.pool, backbone)  # before cleanlab is loaded
    from tests.benchmarks.review.page import Found, write

    found: Found = {}
    for path in sorted(given.rows.glob("*.npz")):
        few = int(rows_of(path)[1].max()) < FEW_CLASSES
        for strategy in ("random", "margin", *(["fishermask"] if few else [])):
            found[path.stem, strategy] = [
                run(Plan(path.stem, strategy, seed, given.pool), given.rows, given.out, backbone)
                for seed in range(given.seeds)
            ]
    write(found, given.pool, seconds, f"--rows FOLDER --seeds {given.seeds} --pool {given.pool}")


if __name__ == "__main__":
    main()
