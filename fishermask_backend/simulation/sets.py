"""Data sets that are known by name: scikit-learn's digits, Fashion-MNIST, CIFAR-10."""

import io
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from fishermask_backend.demo.images import Source
from fishermask_backend.demo.sources import (
    DEBIAN,
    digits_source,
    download_fashion_mnist,
    fashion_mnist_source,
    has_fashion_mnist,
)
from fishermask_backend.images.decoding import Square
from fishermask_backend.settings import Settings
from fishermask_backend.simulation import SimulationImpossible
from fishermask_backend.simulation.data import Images, squared

DOWNLOADS = "datasets"  # a folder in MODEL_DIR
DOWNLOAD_SECONDS = 600.0


def from_set(name: str, settings: Settings) -> Images:
    """Return the images of a set of SETS.

    Raises:
        SimulationImpossible: It is not here and cannot be fetched.
    """
    source = SETS[name](settings.model_dir / DOWNLOADS)

    def pixels(index: int, square: Square) -> NDArray[np.uint8]:
        file = io.BytesIO()
        source.picture(index).save(file, "PNG")
        return squared(file.getvalue(), square, settings)

    labels = np.array(source.labels, dtype=np.int64)
    names = [f"{name}-{index}" for index in range(len(labels))]
    return Images(
        source.name, name, list(source.classes), labels, names, names, pixels, names.__getitem__
    )


def _digits(_: Path) -> Source:
    return digits_source()


def _fashion_mnist(downloads: Path) -> Source:
    raw = downloads / "FashionMNIST" / "raw"
    for folder in (DEBIAN, raw):
        if has_fashion_mnist(folder):
            return fashion_mnist_source(folder)
    downloads.mkdir(parents=True, exist_ok=True)
    if not download_fashion_mnist(downloads):
        raise SimulationImpossible(
            "--data fashion-mnist: torchvision could not fetch it. Where there is no internet, install "
            "Debian's package dataset-fashion-mnist."
        )
    return fashion_mnist_source(raw)


def _cifar10(downloads: Path) -> Source:
    from torchvision.datasets import CIFAR10

    downloads.mkdir(parents=True, exist_ok=True)
    script = "import sys, torchvision; torchvision.datasets.CIFAR10(sys.argv[1], download=True)"
    command = [sys.executable, "-c", script, str(downloads)]
    try:  # in a process of its own, which a dead network can't hold up
        subprocess.run(command, capture_output=True, timeout=DOWNLOAD_SECONDS, check=True)
        found = CIFAR10(downloads)
    except (subprocess.SubprocessError, RuntimeError, OSError, pickle.PickleError) as error:
        raise SimulationImpossible(
            f"--data cifar10: torchvision could not fetch it into {downloads} "
            f"({type(error).__name__}). Where there is no internet, put its pictures into "
            "a folder a class and name that."
        ) from None
    return Source(
        "CIFAR-10",
        "CIFAR-10 (32×32 photos)",
        found.classes,
        found.targets,
        lambda index: Image.fromarray(found.data[index]),
    )


SETS: dict[str, Callable[[Path], Source]] = {
    "digits": _digits,
    "fashion-mnist": _fashion_mnist,
    "cifar10": _cifar10,
}
