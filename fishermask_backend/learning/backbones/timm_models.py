"""timm's models (huggingface/pytorch-image-models), their weights by Hugging Face's hub.

timm is imported where one of its models is named, and nowhere else: that takes seconds.
"""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from fishermask_backend.errors import BackboneUnavailable
from fishermask_backend.learning.backbones.source import UNTRAINED, Interpolation, Trunk
from fishermask_backend.learning.networks import State, digest, read_weights
from fishermask_backend.machine.certificates import tls_context, trust_by_urllib

log = logging.getLogger(__name__)

PREFIX = "timm/"
NAMES = "a model of timm, such as timm/vit_small_patch14_dinov2.lvd142m"


def knows(name: str) -> bool:
    """Say whether this is one of its models' names; whether there is such a model is seen later."""
    return name.startswith(PREFIX)


def image_size(name: str) -> int:
    """Return the side that a model was trained with, pixels."""
    return int(max(_about(name).input_size[1:]))


def trunk(name: str, size: int, weights: str) -> Trunk:
    """Return a model of timm's up to its last layer, with pixels as its weights want them.

    Raises:
        BackboneUnavailable: There is no such model, or its weights cannot be had or do not fit.
    """
    about = _about(name)
    model = _Model(name, size)
    scale = tuple(255 * v for v in about.mean), tuple(255 * v for v in about.std)
    # What else timm knows («random», and none where nobody noted any) is not one network's choice.
    way: Interpolation = "bilinear" if about.interpolation == "bilinear" else "bicubic"
    if weights == "none":
        return Trunk(model.build, scale, UNTRAINED, interpolation=way)
    state = read_weights(Path(weights)) if weights else _download(name, about)
    build = partial(model.build, state)
    _check(name, build)
    log.info(
        "%s: licence of the weights %s, %s×%s pixels, %s",
        name, about.license or "not named", size, size, way,
    )  # fmt: skip
    return Trunk(build, scale, digest(state, (scale, way)), interpolation=way)


def _about(name: str) -> Any:
    """Return timm's configuration of a model: what it was trained with, and where its weights are."""
    from timm import list_models
    from timm.models import get_pretrained_cfg

    model = name.removeprefix(PREFIX)
    try:
        return get_pretrained_cfg(model, allow_unregistered=False)
    except RuntimeError as error:
        names = list_models() + list_models(pretrained=True)
        close = [PREFIX + found for found in get_close_matches(model, names, n=3)]
        instead = f"did you mean {' or '.join(close)}?" if close else "see docs/backbones.md."
        raise BackboneUnavailable(f"BACKBONE={name} is no model of timm's: {instead}") from error


@dataclass(frozen=True)
class _Model:
    """Makes a model for one image size.

    Attributes:
        name: What the user calls it.
        size: S, pixels.
    """

    name: str
    size: int

    def build(self, state: State | None = None) -> nn.Module:
        """Return the network: scaled pixels (N, 3, S, S) → features (N, F).

        Args:
            state: Weights of the whole network, its last layer of any number of classes; None: random
                ones.

        Raises:
            BackboneUnavailable: It takes no images of this size, or the weights are not its own.
        """
        from timm import create_model

        given = {} if state is None else {"state_dict": dict(state)}
        make: Callable[..., nn.Module] = partial(
            create_model,
            self.name.removeprefix(PREFIX),
            pretrained=state is not None,
            pretrained_cfg_overlay=given,
            num_classes=0,
        )
        try:
            try:  # a transformer's positions are for one size
                return make(img_size=self.size)
            except TypeError:  # a network that takes any has no such argument
                return make()
        except (RuntimeError, AssertionError, ValueError, KeyError) as error:
            raise BackboneUnavailable(
                f"BACKBONE={self.name} cannot be built for IMAGE_SIZE={self.size}"
                f"{'' if state is None else ' with these weights; check BACKBONE_WEIGHTS'}: {error}."
            ) from error


def _check(name: str, build: Callable[[], nn.Module]) -> None:
    """Refuse weights that leave a part of the network as it was drawn at random.

    timm passes over what a file lacks. Two networks of different random starts tell it: what they
    do not share came from no file.
    """
    states = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            states.append(build().state_dict())
    first, second = states
    lacking = [key for key, tensor in first.items() if not torch.equal(tensor, second[key])]
    if lacking:
        raise BackboneUnavailable(
            f"The weights do not fit BACKBONE={name}, check BACKBONE_WEIGHTS: they lack "
            f"{len(lacking)} of {len(first)} tensors, {lacking[0]} first."
        )


def _download(name: str, about: Any) -> State:
    """Return the pretrained weights, from the hub's cache or torch's if they are there.

    Raises:
        BackboneUnavailable: There are none, or they could not be had.
    """
    place = about.hf_hub_id or about.url
    if not place:
        raise BackboneUnavailable(
            f"timm has no weights for BACKBONE={name}: set BACKBONE_WEIGHTS to a file, or choose "
            "another."
        )
    try:
        if about.hf_hub_id:
            return read_weights(_from_hub(about))
        trust_by_urllib()  # by which torch.hub asks
        loaded = torch.hub.load_state_dict_from_url(
            about.url, map_location="cpu", progress=False, weights_only=True
        )
        return dict(loaded)
    except (OSError, RuntimeError, ValueError) as error:
        cause: BaseException = error
        while cause.__cause__ is not None:  # the hub's own sentence tells of its cache alone
            cause = cause.__cause__
        raise BackboneUnavailable(
            f"The weights of BACKBONE={name} could not be downloaded ({place}: {cause}). Set "
            "BACKBONE_WEIGHTS to their file (model.safetensors there), or HF_HOME to a folder that "
            "has them in Hugging Face's cache."
        ) from error


def _from_hub(about: Any) -> Path:
    """Return where a model's weights lie in Hugging Face's cache, downloaded if they were not there.

    Raises:
        OSError: They could not be had.
    """
    # Its own faster transfer trusts authorities of its own choice.
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")
    import httpx2
    from huggingface_hub import hf_hub_download, set_client_factory
    from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError
    from huggingface_hub.utils._http import hf_request_event_hook  # heeds HF_HUB_OFFLINE

    set_client_factory(
        lambda: httpx2.Client(
            verify=tls_context(),
            follow_redirects=True,
            timeout=60.0,
            event_hooks={"request": [hf_request_event_hook]},
        )
    )
    try:
        return Path(hf_hub_download(about.hf_hub_id, about.hf_hub_filename or "model.safetensors"))
    except LocalEntryNotFoundError:  # the hub was not reached
        raise
    except EntryNotFoundError:
        return Path(hf_hub_download(about.hf_hub_id, "pytorch_model.bin"))
    except httpx2.HTTPError as error:
        raise OSError(str(error)) from error
