"""Where the demo's images come from: the user's folder, Fashion-MNIST, or scikit-learn's digits."""

import gzip
import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.images import Source

DIGITS = Path(__file__).with_name("digits.npz")
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
DOWNLOAD_SECONDS = 20
SUFFIXES = {".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"}
FASHION_CLASSES = [
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
]


def find_source(folder: Path | None, downloads: Path, debian: Path = DEBIAN) -> Source:
    """Return the first of these that is there.

    Args:
        folder: The user's own images, one folder a class; nothing else is tried if given.
        downloads: Where torchvision may put Fashion-MNIST.
        debian: Where Debian's package dataset-fashion-mnist puts it.

    Raises:
        DemoError: The user's folder can't be used.
    """
    if folder is not None:
        return folder_source(folder)
    if has_fashion_mnist(debian):
        return fashion_mnist_source(debian)
    raw = downloads / "FashionMNIST" / "raw"
    if has_fashion_mnist(raw) or download_fashion_mnist(downloads):
        return fashion_mnist_source(raw)
    return digits_source()


def folder_source(folder: Path) -> Source:
    """Return the images of a folder that has one folder a class.

    Raises:
        DemoError: It isn't there, or it hasn't at least two classes with images.
    """
    if not folder.is_dir():
        raise DemoError(f"There is no folder {folder} (from DATA). Give one with a folder a class.")
    classes: dict[str, list[Path]] = {}
    for child in sorted(folder.iterdir()):
        if child.is_dir() and not child.name.startswith("."):
            files = sorted(p for p in child.rglob("*") if p.suffix.lower() in SUFFIXES)
            if files:
                classes[child.name] = files
    if len(classes) < 2:
        raise DemoError(
            f"{folder} (from DATA) has {len(classes)} folders with images; at least two are "
            f"needed, one a class, such as {folder}/cat/1.jpg and {folder}/dog/1.jpg. Images end "
            f"in {', '.join(sorted(SUFFIXES))}."
        )
    files = [file for members in classes.values() for file in members]
    labels = [label for label, members in enumerate(classes.values()) for _ in members]
    return Source(
        folder.resolve().name,
        f"the {len(files)} images in {folder}",
        list(classes),
        labels,
        lambda index: Image.open(files[index]),
    )


def has_fashion_mnist(folder: Path) -> bool:
    """Whether the training images and their labels are there."""
    return (folder / "train-labels-idx1-ubyte.gz").exists() and (
        folder / "train-images-idx3-ubyte.gz"
    ).exists()


def fashion_mnist_source(folder: Path) -> Source:
    """Fashion-MNIST's 60,000 training images from the files that its authors published."""
    with gzip.open(folder / "train-labels-idx1-ubyte.gz") as file:
        labels = np.frombuffer(file.read(), np.uint8, offset=8)
    with gzip.open(folder / "train-images-idx3-ubyte.gz") as file:
        pixels = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
    return Source(
        "Fashion-MNIST",
        "Fashion-MNIST (28×28 photos of clothes)",
        FASHION_CLASSES,
        labels.tolist(),
        lambda index: Image.fromarray(pixels[index]),
    )


def download_fashion_mnist(folder: Path, seconds: float = DOWNLOAD_SECONDS) -> bool:
    """Try torchvision's own download in a process of its own, which a dead network can't hold up.

    Returns:
        Whether it worked within `seconds`.
    """
    script = (
        "import sys, torchvision; torchvision.datasets.FashionMNIST(sys.argv[1], download=True)"
    )
    run = partial(subprocess.run, capture_output=True, timeout=seconds, check=False)
    try:
        return run([sys.executable, "-c", script, str(folder)]).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def digits_source() -> Source:
    """Return the 1,797 handwritten digits (8×8, grey) that scikit-learn carries, from this package.

    They are the test half of UCI's «Optical Recognition of Handwritten Digits» (E. Alpaydin and
    C. Kaynak, 1998, doi:10.24432/C50P49, CC BY 4.0), values 0 to 16.
    """
    with np.load(DIGITS) as file:
        pixels, labels = np.round(file["images"] * (255 / 16)).astype(np.uint8), file["labels"]
    return Source(
        "digits",
        "scikit-learn's 1,797 handwritten digits (8×8); Fashion-MNIST was not to be had",
        [str(digit) for digit in range(10)],
        labels.tolist(),
        lambda index: Image.fromarray(pixels[index]),
    )
