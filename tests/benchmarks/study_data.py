"""Data sets of the training study: images, rows, and cuts into pool and test."""

import gzip
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits, load_sample_images
from torch import Tensor

from fishermask_backend.learning.backbones import Backbone, load_backbone

FASHION = Path("/usr/share/datasets/fashion-mnist")
POOL = {"fashion": 1500, "digits": 1000, "photos": 400}  # images that labels are drawn from
TEST = {"fashion": 1000, "digits": 797, "photos": 300}
CPU = torch.device("cpu")


def images_of(name: str) -> tuple[list[Image.Image], np.ndarray]:
    """Grey images and their classes, in a fixed order."""
    if name == "photos":
        return photo_crops()
    if name == "digits":
        data = load_digits()
        images, labels = (data.images * 15.9).astype(np.uint8), data.target
    else:
        with gzip.open(FASHION / "train-images-idx3-ubyte.gz") as file:
            images = np.frombuffer(file.read(), np.uint8, offset=16).reshape(-1, 28, 28)
        with gzip.open(FASHION / "train-labels-idx1-ubyte.gz") as file:
            labels = np.frombuffer(file.read(), np.uint8, offset=8)
    order = np.random.default_rng(0).permutation(len(images))[: POOL[name] + TEST[name]]
    return [Image.fromarray(images[i]) for i in order], labels[order].astype(np.int64)


def photo_crops() -> tuple[list[Image.Image], np.ndarray]:
    """Squares of 80 to 420 pixels, first of the photos' left halves, then of the right ones."""
    from skimage import data  # not among the development dependencies

    names = ("astronaut", "chelsea", "coffee", "hubble_deep_field", "immunohistochemistry")
    arrays = [getattr(data, name)() for name in (*names, "retina", "rocket")]
    arrays += [data.stereo_motorcycle()[0], *load_sample_images().images]
    photos = [Image.fromarray(array).convert("L") for array in arrays]
    random = np.random.default_rng(0)
    crops, labels = [], np.arange(POOL["photos"] + TEST["photos"]) % len(photos)
    for number, label in enumerate(labels):
        width, height = photos[label].size
        side = int(min(width / 2, height) * random.uniform(0.35, 0.6))
        left = random.integers(0, width // 2 - side) + (number >= POOL["photos"]) * width // 2
        top = random.integers(0, height - side)
        crop = photos[label].crop((left, top, left + side, top + side))
        mirrored = random.random() < 0.5
        crops.append(crop.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if mirrored else crop)
    return crops, labels


def pixels_of(name: str, size: int) -> np.ndarray:
    """RGB uint8 (N, 3, S, S), resized as the image loader does it."""
    bicubic = Image.Resampling.BICUBIC
    squares = [
        np.asarray(image.resize((size, size), bicubic, reducing_gap=3.0))
        for image in images_of(name)[0]
    ]
    return np.stack(squares)[:, None].repeat(3, axis=1)


def rows_of(name: str, backbone: Backbone, cache: Path) -> Tensor:
    """The data set's rows, computed once."""
    file = cache / f"{name}-{backbone.key}.npy"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        np.save(file, backbone.rows(pixels_of(name, backbone.image_size)))
    return torch.from_numpy(np.load(file))


def lite0(size: int) -> Backbone:
    """The default backbone."""
    return load_backbone(
        "efficientnet_lite0", train="head", image_size=size, weights=None, device=CPU
    )


def cut_of(labels: Tensor, name: str, seed: int, *, imbalanced: bool) -> tuple[Tensor, Tensor]:
    """Pool and test indices; in an imbalanced pool five random classes keep a tenth."""
    generator = torch.Generator().manual_seed(1000 + seed)
    order = torch.randperm(len(labels), generator=generator)
    if name == "photos":  # left and right halves stay apart
        order = order[torch.argsort(order >= POOL[name], stable=True)]
    pool, test = order[: POOL[name]], order[POOL[name] :]
    if imbalanced:
        rare = torch.randperm(10, generator=generator)[:5]
        is_rare = torch.isin(labels[pool], rare)
        keep = ~is_rare | (torch.rand(len(pool), generator=generator) < 0.1)
        pool = pool[keep]
    return pool, test
