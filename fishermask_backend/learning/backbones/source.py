"""What a source of backbones gives: networks up to their last layer, by the names it knows."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal, Protocol

from fishermask_backend.learning.networks import Build, State, digest, headless, read_weights

UNTRAINED = "untrained"
DEFAULT_SIZE = 160  # pixels: docs/training.md

Interpolation = Literal["bicubic", "bilinear"]

Scale = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation of R, G, B in 0..255


@dataclass(frozen=True)
class Trunk:
    """A network up to its last layer.

    Attributes:
        build: Makes it: scaled pixels (N, 3, S, S) → features (N, F).
        scale: Mean and deviation that pixels are scaled with; None: the pool's own.
        origin: Names weights and scale: a digest of them, or `untrained`.
        from_scratch: True if there are no weights for it: it starts untrained, and is trained whole
            even where only a head is asked for.
        interpolation: How images are to be resized for it.
    """

    build: Build = field(repr=False)
    scale: Scale | None = None
    origin: str = UNTRAINED
    from_scratch: bool = False
    interpolation: Interpolation = "bicubic"

    @property
    def untrained(self) -> bool:
        """True if it starts with random weights."""
        return self.origin == UNTRAINED


class Source(Protocol):
    """Where backbones come from; a module is one.

    Attributes:
        NAMES: Which names it knows, in words that complete «BACKBONE is not known: use …».
    """

    NAMES: str

    def knows(self, name: str) -> bool:
        """Say whether the setting BACKBONE may be this name; nothing is loaded for it."""
        ...

    def image_size(self, name: str) -> int:
        """Return the side of its images, pixels, where the setting IMAGE_SIZE leaves that open.

        Raises:
            BackboneUnavailable: There is no such network after all.
        """
        ...

    def trunk(self, name: str, size: int, weights: str) -> Trunk:
        """Return the network of a name that it knows.

        Args:
            name: What the user calls it.
            size: S, pixels; images come as S×S.
            weights: A file of weights, `none` to start untrained, empty for the pretrained ones.

        Raises:
            BackboneUnavailable: The weights cannot be had.
        """
        ...


def headless_trunk(
    name: str, build: Build, scale: Scale, weights: str, pretrained: Callable[[], State]
) -> Trunk:
    """Return what a whole network is up to its last Linear.

    Args:
        name: What the user calls it.
        build: Makes the whole network.
        scale: What its pixels are scaled with.
        weights: As `Source.trunk` takes them.
        pretrained: Reads the pretrained weights of the whole network.

    Raises:
        BackboneUnavailable: The weights cannot be had; that they do not fit is told by the build.
    """
    if weights == "none":
        return Trunk(partial(headless, name, build, None), scale)
    state = read_weights(Path(weights)) if weights else pretrained()
    return Trunk(partial(headless, name, build, state), scale, digest(state, scale))
