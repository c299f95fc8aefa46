"""torchvision's classification models, their weights by its own download."""

from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision

from fishermask_backend.errors import BackboneUnavailable
from fishermask_backend.learning.backbones.source import DEFAULT_SIZE, Trunk, headless_trunk
from fishermask_backend.learning.networks import State
from fishermask_backend.machine.certificates import trust_by_urllib

NAMES = "a classification model of torchvision, such as resnet18"


def knows(name: str) -> bool:
    """Say whether torchvision classifies with a model of this name."""
    return name in torchvision.models.list_models(module=torchvision.models)


def image_size(name: str) -> int:
    """Return the side of its images, pixels."""
    return DEFAULT_SIZE


def trunk(name: str, size: int, weights: str) -> Trunk:
    """Return a model of torchvision's, scaled as its pretrained weights want it."""
    best = torchvision.models.get_model_weights(name).DEFAULT
    pixels = best.transforms()
    scale = tuple(255 * v for v in pixels.mean), tuple(255 * v for v in pixels.std)
    build = partial(torchvision.models.get_model, name, weights=None)
    return headless_trunk(name, build, scale, weights, partial(_download, name, best))


def _download(name: str, weights: Any) -> State:
    trust_by_urllib()  # by which torch.hub asks
    try:
        return dict(weights.get_state_dict(progress=False, check_hash=True, weights_only=True))
    except (OSError, RuntimeError) as error:  # no route, HTTP error, no space; a wrong hash
        folder = Path(torch.hub.get_dir()) / "checkpoints"
        raise BackboneUnavailable(
            f"The weights of BACKBONE={name} could not be downloaded from {weights.url} ({error}). "
            f"Put that file into {folder}, or set BACKBONE_WEIGHTS to where it is."
        ) from error
