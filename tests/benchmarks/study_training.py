"""How the classifier is best trained with few labels; the numbers of `docs/training.md`.

    python -m tests.benchmarks.study_training sizes       # IMAGE_SIZE 96, 128, 160, 224
    python -m tests.benchmarks.study_training balance     # rare classes: weights, sampling, nothing
    python -m tests.benchmarks.study_training schedule    # the head's steps and learning rate
    python -m tests.benchmarks.study_training whole       # the same where all layers are trained
    python -m tests.benchmarks.study_training cold        # the first queue

Data: Fashion-MNIST (Debian's `dataset-fashion-mnist`), scikit-learn's digits, and for `sizes` grey
crops of ten photos (needs scikit-image): which photo is it from, learnt in the left halves, tested
in the right ones. Features are kept in `--cache`, so that only the first run embeds images. Every
comparison is paired: the same pool, the same labels, the same test images for each variant; ± is
the standard error of the paired difference.
"""

import argparse
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from sklearn.cluster import KMeans
from torch import Tensor
from torch.nn import functional

from fishermask_backend.learning import classifier
from fishermask_backend.learning.backbones import Backbone, load_backbone
from fishermask_backend.learning.classifier import fit_classifier, probabilities
from fishermask_backend.learning.cold_start import (
    cold_start_features,
    representatives,
    typical_order,
)
from tests.benchmarks.study_data import CPU, cut_of, images_of, lite0, pixels_of, rows_of


def accuracy_of(
    backbone: Backbone, rows: Tensor, labels: Tensor, pool: Tensor, chosen: Tensor, test: Tensor
) -> float:
    """Accuracy on the test images, every class counted the same, after training on `chosen`."""
    classes = int(labels.max()) + 1
    model = fit_classifier(
        backbone,
        rows[chosen],
        labels[chosen],
        num_classes=classes,
        likelihood="categorical",
        pool_rows=rows[pool],
        seed=0,
    )
    right = probabilities(model, rows[test], "categorical").argmax(1) == labels[test]
    tested = labels[test].unique()
    return float(np.mean([right[labels[test] == c].float().mean() for c in tested]))


# Tables


def row(name: str, values: list[float], reference: list[float]) -> str:
    """Mean, and the paired difference to the reference with its standard error."""
    values_, difference = np.array(values), np.array(values) - np.array(reference)
    mean = f"{values_.mean():.3f}"
    if not difference.any():
        return f"| {name} | {mean} | – |"
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return f"| {name} | {mean} | {difference.mean():+.3f} ± {error:.3f} |"


def table(title: str, results: dict[str, list[float]], reference: str) -> None:
    """Print a Markdown table."""
    print(f"\n**{title}** ({len(results[reference])} seeds)\n")
    print(f"| variant | accuracy | minus «{reference}», paired |\n|---|---|---|")
    for name, values in results.items():
        print(row(name, values, results[reference]))


# Studies


def sizes(cache: Path, seeds: int) -> None:
    """IMAGE_SIZE: accuracy after 60 and 120 random labels, and images embedded a second."""
    options = (96, 128, 160, 224)
    print("| IMAGE_SIZE | images per second of CPU time, one thread, best of 9 |\n|---|---|")
    sample = {size: pixels_of("digits", size)[:64] for size in options}
    for size in options:
        backbone = lite0(size)
        seconds = []
        for _ in range(9):
            start = time.process_time()
            backbone.rows(sample[size])
            seconds.append(time.process_time() - start)
        print(f"| {size} | {64 / min(seconds):.0f} |")
    for name in ("fashion", "digits", "photos"):
        labels = torch.from_numpy(images_of(name)[1])
        rows = {size: rows_of(name, lite0(size), cache) for size in options}
        for count in (60, 120):
            results: dict[str, list[float]] = {}
            for seed in range(seeds):
                pool, test = cut_of(labels, name, seed, imbalanced=False)
                for size in options:
                    got = accuracy_of(lite0(size), rows[size], labels, pool, pool[:count], test)
                    results.setdefault(str(size), []).append(got)
            table(f"{name}, {count} random labels", results, "96")


def unweighted(
    _targets: Tensor, _num_classes: int, _likelihood: str
) -> Callable[[Tensor, Tensor], Tensor]:
    """Stands in for the classifier's loss: every label counts the same."""
    return functional.cross_entropy


@contextmanager
def balancing(kind: str, targets: Tensor) -> Iterator[None]:
    """Train with the classifier's weights, without, or with batches that draw classes evenly."""

    def even(count: int, schedule: classifier.Schedule) -> Iterator[Tensor]:
        chance = 1.0 / torch.bincount(targets)[targets].float()
        for _ in range(schedule.steps):
            yield torch.multinomial(chance, count, replacement=True)

    if kind == "weights":
        yield
    elif kind == "none":
        with patch.object(classifier, "_balanced_loss", unweighted):
            yield
    else:
        with (
            patch.object(classifier, "_balanced_loss", unweighted),
            patch.object(classifier, "_batches", even),
        ):
            yield


def balance(cache: Path, seeds: int) -> None:
    """Rare classes: nothing, class-weighted loss, class-balanced sampling."""
    backbone = lite0(96)
    for name in ("fashion", "digits"):
        labels = torch.from_numpy(images_of(name)[1])
        rows = rows_of(name, backbone, cache)
        for imbalanced in (False, True):
            for count in (60, 120):
                results: dict[str, list[float]] = {}
                for seed in range(seeds):
                    pool, test = cut_of(labels, name, seed, imbalanced=imbalanced)
                    for kind in ("none", "weights", "sampling"):
                        with balancing(kind, labels[pool[:count]]):
                            got = accuracy_of(backbone, rows, labels, pool, pool[:count], test)
                        results.setdefault(kind, []).append(got)
                pool_kind = "imbalanced" if imbalanced else "balanced"
                table(f"{name}, {pool_kind} pool, {count} random labels", results, "none")


def schedule(cache: Path, seeds: int) -> None:
    """The head's steps and learning rate."""
    backbone = lite0(96)
    labels = torch.from_numpy(images_of("fashion")[1])
    rows = rows_of("fashion", backbone, cache)
    variants = [(150, 1e-3), (150, 3e-4), (150, 3e-3), (75, 1e-3), (300, 1e-3), (600, 1e-3)]
    for count in (20, 60, 240):
        results: dict[str, list[float]] = {}
        for seed in range(seeds):
            pool, test = cut_of(labels, "fashion", seed, imbalanced=False)
            for steps, rate in variants:
                head = replace(classifier.HEAD, steps=steps, learning_rate=rate)
                with patch.object(classifier, "HEAD", head):
                    got = accuracy_of(backbone, rows, labels, pool, pool[:count], test)
                results.setdefault(f"{steps} steps, {rate:g}", []).append(got)
        table(f"fashion, {count} random labels", results, "150 steps, 0.001")


def whole(cache: Path, seeds: int) -> None:
    """Steps and learning rate of small_cnn (28 pixels) and of fine-tuning (64 pixels)."""
    names = {"FROM_SCRATCH": "small_cnn", "FINE_TUNING": "efficientnet_lite0"}
    variants = {
        "FROM_SCRATCH": [(150, 1e-3), (300, 1e-3), (150, 3e-3)],
        "FINE_TUNING": [(100, 3e-4), (50, 3e-4), (150, 1e-4)],
    }
    labels = torch.from_numpy(images_of("fashion")[1])
    for kind, size, counts in (("FROM_SCRATCH", 28, (60, 240)), ("FINE_TUNING", 64, (60,))):
        backbone = load_backbone(
            names[kind], train="all", image_size=size, weights=None, device=CPU
        )
        rows = rows_of("fashion", backbone, cache)
        for count in counts:
            results: dict[str, list[float]] = {}
            for seed in range(seeds):
                pool, test = cut_of(labels, "fashion", seed, imbalanced=False)
                for steps, rate in variants[kind]:
                    changed = replace(getattr(classifier, kind), steps=steps, learning_rate=rate)
                    with patch.object(classifier, kind, changed):
                        got = accuracy_of(backbone, rows, labels, pool, pool[:count], test)
                    results.setdefault(f"{steps} steps, {rate:g}", []).append(got)
                if kind == "FINE_TUNING":
                    head = lite0(size)
                    features = rows_of("fashion", head, cache)
                    got = accuracy_of(head, features, labels, pool, pool[:count], test)
                    results.setdefault("a head on frozen features", []).append(got)
            first = "{} steps, {:g}".format(*variants[kind][0])
            table(f"{names[kind]}, fashion, {count} random labels", results, first)


def clusters(features: Tensor, count: int, seed: int) -> Tensor:
    """K-means: of each cluster the image nearest its centre, the largest cluster first."""
    unit = functional.normalize(features, dim=1)
    means = KMeans(count, n_init=1, random_state=seed).fit(unit.numpy())
    distance = torch.from_numpy(means.transform(unit.numpy()))
    sizes = np.bincount(means.labels_, minlength=count)
    return torch.stack([distance[:, c].argmin() for c in np.argsort(-sizes, kind="stable")])


def cold(cache: Path, seeds: int) -> None:
    """The first queue: accuracy after its first 10, 20, 40 and 60 labels."""
    backbone = lite0(96)
    for name in ("fashion", "digits"):
        labels = torch.from_numpy(images_of(name)[1])
        rows = rows_of(name, backbone, cache)
        thumbnails = cold_start_features(torch.from_numpy(pixels_of(name, 28)))
        for imbalanced in (False, True):
            results: dict[int, dict[str, list[float]]] = {10: {}, 20: {}, 40: {}, 60: {}}
            for seed in range(seeds):
                pool, test = cut_of(labels, name, seed, imbalanced=imbalanced)
                features = rows[pool]
                orders = {
                    "random": torch.arange(len(pool)),
                    "greedy k-medoids": representatives(features, 60, seed=seed),
                    "k-means, k = 20, then random": typical_order(
                        features, clusters(features, 20, seed)
                    ),
                    "k-means, k = 60": clusters(features, 60, seed),
                    "greedy k-medoids of 8×8 pixels": representatives(
                        thumbnails[pool], 60, seed=seed
                    ),
                }
                for count, table_ in results.items():
                    for kind, order in orders.items():
                        chosen = pool[order[:count]]
                        got = accuracy_of(backbone, rows, labels, pool, chosen, test)
                        table_.setdefault(kind, []).append(got)
            for count, table_ in results.items():
                pool_kind = "imbalanced" if imbalanced else "balanced"
                table(f"{name}, {pool_kind} pool, first {count} labels", table_, "random")


def main() -> None:
    """Run one study."""
    studies = {f.__name__: f for f in (sizes, balance, schedule, whole, cold)}
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", choices=studies)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "fishermask-study"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    start = time.process_time()
    studies[arguments.study](arguments.cache, arguments.seeds)
    print(f"\n{time.process_time() - start:.0f} s of CPU time")


if __name__ == "__main__":
    main()
