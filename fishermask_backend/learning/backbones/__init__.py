"""Pixels to rows, and rows to logits: the networks a project can be learnt with.

A *row* is what is stored of one image for good. With a frozen backbone it is the feature vector,
and only a small head is trained on it; with a network trained whole it is the pixels themselves.
Nothing else in the program asks which of the two it has.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fishermask_backend.errors import BackboneUnavailable
from fishermask_backend.learning.backbones import (
    lite,
    small_cnn,
    timm_models,
    torchvision_models,
)
from fishermask_backend.learning.backbones.key import backbone_key
from fishermask_backend.learning.backbones.source import Interpolation, Source, Trunk
from fishermask_backend.learning.heads import Heads
from fishermask_backend.learning.networks import (
    DROPOUT,
    HIDDEN,
    Standardise,
    calibrate_batch_norm,
    standardise,
)
from fishermask_backend.settings import Settings

EMBED_BATCH = 32  # images embedded at a time

SOURCES: tuple[Source, ...] = (lite, small_cnn, timm_models, torchvision_models)


@dataclass(frozen=True, kw_only=True)
class Backbone:
    """A network without its last layer, and how it is used.

    Attributes:
        key: Identity of what `rows` returns and of the networks that fit it (network, weights,
            normalisation, image size, dtype); safe as part of a file name.
        image_size: S, pixels; images come as S×S.
        frozen: True if rows are features and only a head is trained.
        width: F, entries of a feature vector.
        device: Where `rows` computes and `network` puts its result.
        trunk: The network up to its last layer.
    """

    key: str
    image_size: int
    frozen: bool
    width: int
    device: torch.device
    trunk: Trunk = field(repr=False)

    @staticmethod
    def of(settings: Settings, device: torch.device) -> "Backbone":
        """Return the backbone that the settings name.

        Raises:
            BackboneUnavailable: It cannot be built, or its weights not be read.
        """
        return load_backbone(
            settings.backbone,
            train=settings.train,
            image_size=settings.image_size,
            weights=settings.backbone_weights,
            device=device,
        )

    @property
    def untrained(self) -> bool:
        """True if the trunk starts with random weights."""
        return self.trunk.untrained

    @property
    def interpolation(self) -> Interpolation:
        """How images are to be resized to S×S."""
        return self.trunk.interpolation

    @property
    def row_shape(self) -> tuple[int, ...]:
        """(F,) of a frozen backbone, else (3, S, S)."""
        return (self.width,) if self.frozen else (3, self.image_size, self.image_size)

    @property
    def row_dtype(self) -> "np.dtype[np.generic]":
        """float32 of a frozen backbone, else uint8."""
        return np.dtype(np.float32 if self.frozen else np.uint8)

    def rows(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """Return what is stored of these images.

        Args:
            pixels: RGB, uint8 (N, 3, S, S).

        Returns:
            (N, *row_shape) of row_dtype: globally pooled features, or the pixels themselves.
        """
        expected = (3, self.image_size, self.image_size)
        if pixels.dtype != np.uint8 or pixels.shape[1:] != expected:
            raise ValueError(
                f"pixels are {pixels.dtype} {pixels.shape}, not uint8 (N, *{expected})"
            )
        if not self.frozen:
            return pixels
        rows = np.empty((len(pixels), self.width), np.float32)
        with torch.inference_mode():
            for start in range(0, len(pixels), EMBED_BATCH):
                batch = torch.tensor(pixels[start : start + EMBED_BATCH], device=self.device)
                batch = batch.contiguous(memory_format=torch.channels_last)
                rows[start : start + len(batch)] = self._embedding(batch).cpu().numpy()
        return rows

    @cached_property
    def _embedding(self) -> nn.Module:
        embedding = (
            nn.Sequential(self._pixel_scale(None), self.trunk.build()).eval().to(self.device)
        )
        # Channels last is up to twice as fast on a CPU as torch's usual order.
        return embedding.to(memory_format=torch.channels_last)

    def network(self, num_classes: int | Sequence[int], rows_for_stats: Tensor | None) -> nn.Module:
        """Return an untrained network from rows (N, *row_shape) to logits (N, C).

        New weights come from torch's global generator: seed it for equal networks.

        Args:
            num_classes: C, of a network that ends in a Linear; or of each of several heads (`Heads`).
            rows_for_stats: The pool's rows, which set what rows are standardised with; None for a
                network whose weights and statistics are about to be loaded.

        Returns:
            The network in eval mode, on `device`.
        """
        if self.frozen:
            body: list[nn.Module] = [standardise(rows_for_stats, self.row_shape)]
        else:
            body = [self._pixel_scale(rows_for_stats), self.trunk.build()]
        sizes = [num_classes] if isinstance(num_classes, int) else num_classes
        heads = [self._head(size) for size in sizes]
        network = (
            nn.Sequential(*body, *heads[0])
            if len(heads) == 1
            else Heads(nn.Sequential(*body), [nn.Sequential(*head) for head in heads])
        )
        network.to(self.device).eval()
        if self.untrained and rows_for_stats is not None:
            calibrate_batch_norm(network, rows_for_stats)
        return network

    def _head(self, num_classes: int) -> list[nn.Module]:
        if not self.frozen:
            return [nn.Linear(self.width, num_classes)]
        hidden = [nn.Linear(self.width, HIDDEN), nn.ReLU(), nn.Dropout(DROPOUT)]
        return [*hidden, nn.Linear(HIDDEN, num_classes)]

    def _pixel_scale(self, rows: Tensor | None) -> Standardise:
        if self.trunk.scale is None:
            return standardise(rows, (3, 1, 1))
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in self.trunk.scale)
        return Standardise(mean, std)


def load_backbone(
    name: str,
    *,
    train: Literal["head", "all"],
    image_size: int,
    weights: str | Path | None,
    device: torch.device,
) -> Backbone:
    """Build the backbone that the settings name.

    Args:
        name: One that a source knows, such as `efficientnet_lite0`, `resnet18`, `timm/resnet18`.
        train: Train a head on frozen features, or every layer. `small_cnn` is always trained whole.
        image_size: S, pixels; 0: the network's own.
        weights: A file of weights (`.safetensors`, or a state dict that `torch.save` wrote); `none`
            to start untrained; None or empty for the pretrained ones: inside the installed package
            for `efficientnet_lite0`, by torchvision's or timm's own download for their models.
        device: Where to compute.

    Raises:
        BackboneUnavailable: Unknown name, weights that cannot be had or do not fit, or a network
            that does not take images of this size.
    """
    source = _source(name)
    image_size = image_size or source.image_size(name)
    trunk = source.trunk(name, image_size, str(weights or ""))
    frozen = train == "head" and not trunk.from_scratch
    if frozen and trunk.untrained:
        raise BackboneUnavailable(
            "BACKBONE_WEIGHTS=none with TRAIN=head would freeze random weights: "
            "set TRAIN=all, or give weights."
        )
    details = [] if trunk.from_scratch else [train, trunk.origin]  # there is only one of it
    return Backbone(
        key=backbone_key(name, *details, str(image_size)),
        image_size=image_size,
        frozen=frozen,
        width=_width(name, trunk, image_size),
        device=device,
        trunk=trunk,
    )


def _source(name: str) -> Source:
    for source in SOURCES:
        if source.knows(name):
            return source
    *names, last = (source.NAMES for source in SOURCES)
    raise BackboneUnavailable(f"BACKBONE={name} is not known: use {', '.join(names)} or {last}.")


def _width(name: str, trunk: Trunk, image_size: int) -> int:
    """F, found by passing one black image."""
    with torch.random.fork_rng(devices=[]):  # whoever has seeded it for a network finds it so
        network = trunk.build().eval()
    try:
        with torch.inference_mode():
            features = network(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise BackboneUnavailable(
            f"BACKBONE={name} does not take images of IMAGE_SIZE={image_size} ({error}); "
            "many networks take 224 alone, or multiples of 14 or 32."
        ) from error
    if features.ndim != 2:
        raise BackboneUnavailable(
            f"BACKBONE={name} does not end in its last Linear; choose another."
        )
    return int(features.shape[1])
