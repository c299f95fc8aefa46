"""torchvision's classification models, their weights by its own download."""

import urllib.request
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torchvision

from fishermask_backend.errors import BackboneUnavailable
from fishermask_backend.learning.backbones.source import Trunk, headless_trunk
from fishermask_backend.learning.networks import State
from fishermask_backend.machine.certificates import tls_context

NAMES = "a classification model of torchvision, such as resnet18"


def knows(name: str) -> bool:
    """Say whether torchvision classifies with a model of this name."""
    return name in torchvision.models.list_models(module=torchvision.models)


def trunk(name: str, size: int, weights: str) -> Trunk:
    """Return a model of torchvision's, scaled as its pretrained weights want it."""
    best = torchvision.models.get_model_weights(name).DEFAULT
    pixels = best.transforms()
    scale = tuple(255 * v for v in pixels.mean), tuple(255 * v for v in pixels.std)
    build = partial(torchvision.models.get_model, name, weights=None)
    return headless_trunk(name, build, scale, weights, partial(_download, name, best))


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
