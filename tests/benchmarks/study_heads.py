"""What the pool and held-out labels bring a head; the table of `docs/training.md`.

    python -m tests.benchmarks.study_heads digits fashion-mnist cifar10=FOLDER grocery=FOLDER:2

Sets are those of `fishermask simulate --data`; `:2` is its `--level`. A head as it was (dropout 0.2,
nothing of the pool) against the default, trained on the same random labels: accuracy on held-out
images, every class counted the same; and how far the confidence of pre-labels is off on the rest of the
pool (expected calibration error, 15 bins). Both cuts of each set; rows are kept in MODEL_DIR.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.learning import lesson, networks
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import probabilities
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.settings import load_settings
from fishermask_backend.simulation.course import spec_of
from fishermask_backend.simulation.data import from_path
from fishermask_backend.simulation.embedding import embed
from fishermask_backend.simulation.sets import SETS, from_set
from fishermask_backend.simulation.split import draw, split
from tests.benchmarks.study.learners import BEFORE, learn
from tests.benchmarks.study_data import CPU

LABELS = (20, 60, 120, 260)
BINS = 15
DEFAULT = networks.DROPOUT, lesson.informed


def set_of(text: str, pool: int) -> tuple[str, Tensor, np.ndarray, Backbone]:
    """Name, rows, labels and backbone of a set."""
    settings = load_settings()
    name, _, rest = text.partition("=")
    folder, _, level = rest.partition(":")
    known = name in SETS and not folder
    images = (
        from_set(name, settings) if known else from_path(Path(folder), int(level or 1), settings)
    )
    wanted = draw(len(images.labels), pool).tolist()
    backbone = Backbone.of(settings, CPU)
    found = embed(images, wanted, backbone, settings, lambda *_: None)
    labels = np.unique(images.labels[list(found.readable)], return_inverse=True)[1]
    return name, torch.from_numpy(found.rows.read()), labels, backbone


def balanced(probs: Tensor, labels: Tensor) -> float:
    """Accuracy, every class counted the same."""
    right = (probs.argmax(1) == labels).float()
    return float(np.mean([right[labels == c].mean() for c in labels.unique()]))


def calibration_error(probs: Tensor, labels: Tensor) -> float:
    """Mean distance of confidence and accuracy."""
    sure, guess = probs.max(1)
    right, place = (guess == labels).float(), (sure * BINS).long().clamp_max(BINS - 1)
    inside = [place == b for b in range(BINS)]
    return sum(
        float(i.float().mean() * (sure[i].mean() - right[i].mean()).abs())
        for i in inside
        if i.any()
    )


def study(text: str, seeds: int, pool: int) -> None:
    """Print a set's rows of the table."""
    name, rows, labels, backbone = set_of(text, pool)
    spec = spec_of(int(labels.max()) + 1)
    for imbalanced in (False, True):
        found: dict[int, list[list[float]]] = {count: [] for count in LABELS}
        for seed in range(seeds):
            cut = split(labels, seed, imbalanced=imbalanced)
            truth, test = torch.from_numpy(labels[cut.pool]), torch.from_numpy(labels[cut.test])
            for count in LABELS:
                answers = [
                    answer_text([str(int(c))]) if i < count else None for i, c in enumerate(truth)
                ]
                given = Lesson(rows[cut.pool], answers, torch.arange(len(truth)) >= count)
                got = []
                for way in (BEFORE, DEFAULT):
                    learn(*way)
                    learnt = given.learn(spec.heads, backbone, load_settings())
                    held_out = probabilities(learnt.model, rows[cut.test], "categorical")
                    got += [
                        balanced(held_out, test),
                        calibration_error(learnt.probs[count:], truth[count:]),
                    ]
                found[count].append(got)
        cells = []
        for each in found.values():
            old, was_off, new, is_off = np.array(each).T
            gained = 100 * (new - old)
            error = gained.std(ddof=1) / np.sqrt(len(gained))
            cells.append(
                f"{old.mean():.3f} {gained.mean():+.1f} ± {error:.1f} "
                f"({was_off.mean():.2f} → {is_off.mean():.2f})"
            )
        print(f"| {name}{', imbalanced' * imbalanced} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+", metavar="NAME[=FOLDER[:LEVEL]]")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--pool", type=int, default=1500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(
        "| set | " + " | ".join(f"{count} labels" for count in LABELS) + " |\n|---|---|---|---|---|"
    )
    for text in options.data:
        study(text, options.seeds, options.pool)


if __name__ == "__main__":
    main()
