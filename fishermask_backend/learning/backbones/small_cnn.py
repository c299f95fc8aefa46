"""A small convolutional network for small images, always trained from scratch."""

from functools import partial

from torch import nn

from fishermask_backend.errors import BackboneUnavailable
from fishermask_backend.learning.backbones.source import DEFAULT_SIZE, Trunk
from fishermask_backend.learning.networks import DROPOUT, HIDDEN

NAMES = "small_cnn"


def knows(name: str) -> bool:
    """Say whether this is its name."""
    return name == NAMES


def image_size(name: str) -> int:
    """Return the side of its images, pixels."""
    return DEFAULT_SIZE


def trunk(name: str, size: int, weights: str) -> Trunk:
    """Return its network.

    Raises:
        BackboneUnavailable: Weights are asked for; it has none.
    """
    if weights not in ("", "none"):
        raise BackboneUnavailable(
            f"BACKBONE_WEIGHTS={weights}: {name} always starts untrained; leave it empty."
        )
    return Trunk(partial(small_cnn, size), from_scratch=True)


def small_cnn(image_size: int) -> nn.Module:
    """Two convolutions and a hidden layer: small grey images, trained from scratch.

    Takes (N, 3, S, S), S ≥ 4; gives (N, HIDDEN).
    """
    grid = image_size // 4
    cell = -(-grid // 8)  # cells are averaged until at most 8×8 are left
    return nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.AvgPool2d(cell),  # its gradient is deterministic on CUDA; AdaptiveAvgPool2d's is not
        nn.Flatten(),
        nn.Linear(32 * (grid // cell) ** 2, HIDDEN),
        nn.ReLU(),
        nn.Dropout(DROPOUT),
    )
