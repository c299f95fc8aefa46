"""Models of every kind of layer that the backbones have, and of what the fast path can't know.

A case is a model in float64 with random weights, away from any symmetry, for 3 classes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision import models

from .networks import (
    CLASSES,
    DirectUse,
    Frozen,
    Functional,
    Residual,
    SequenceFirst,
    Tokens,
    Twice,
    UnusedCall,
    convolutions,
    efficientnet_lite0,
    head,
    published_cnn,
    small_convnext,
    small_vit,
    unknown_layers,
)


@dataclass(frozen=True)
class Case:
    """A model, the shape of its input, and the parameters that only the slow way can do."""

    name: str
    build: Callable[[], nn.Module]
    shape: tuple[int, ...]
    slow: frozenset[str] = frozenset()
    batch: int = 4  # as many images as `sequence_first` has tokens

    def model(self, seed: int = 0) -> nn.Module:
        torch.manual_seed(seed)
        model = self.build().double()
        for module in model.modules():  # a fresh normalisation is the identity: hide nothing
            if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
                module.running_mean.normal_(0, 0.3)
                module.running_var.uniform_(0.5, 1.5)
            for parameter in module.parameters(recurse=False):
                if parameter.ndim == 1:
                    parameter.data += 0.2 * torch.randn_like(parameter)
        return model

    def images(self, count: int, seed: int = 1) -> Tensor:
        generator = torch.Generator().manual_seed(seed)
        return torch.randn((count, *self.shape), generator=generator, dtype=torch.float64)


LAYERS = [
    Case("head", head, (20,)),
    Case("published_cnn", published_cnn, (1, 28, 28)),
    Case("convolutions", convolutions, (2, 9, 8)),
    Case("residual", Residual, (2, 5, 5)),
    Case(
        "batch_norm_1d",
        lambda: nn.Sequential(nn.Linear(6, 5), nn.BatchNorm1d(5), nn.Tanh(), nn.Linear(5, 3)),
        (6,),
    ),
    Case("tokens", Tokens, (4, 5)),
    Case("twice", Twice, (2, 3, 3)),
    Case("functional", Functional, (2, 6, 6)),
    Case("frozen", Frozen, (6,)),
    Case("sequence_first", SequenceFirst, (4, 5), frozenset({"mix.weight", "mix.bias"})),
    Case("direct_use", DirectUse, (6,), frozenset({"scale", "hidden.weight"})),
    Case("unused_call", UnusedCall, (6,), frozenset({"hidden.weight"})),
    Case(
        "unknown_layers",
        unknown_layers,
        (2, 5, 5),
        frozenset(
            {
                *("0.weight", "0.bias", "1.weight", "1.bias", "2.weight", "3.weight"),
                *("6.parametrizations.weight.original0", "6.parametrizations.weight.original1"),
            }
        ),
    ),
]

BACKBONES = [
    Case("efficientnet_lite0", efficientnet_lite0, (3, 32, 32), batch=2),
    Case("resnet18", lambda: models.resnet18(num_classes=CLASSES), (3, 32, 32), batch=2),
    Case(
        "mobilenet_v3_small", lambda: models.mobilenet_v3_small(num_classes=3), (3, 32, 32), batch=2
    ),
    Case(
        "convnext",
        small_convnext,
        (3, 16, 16),
        frozenset({"features.1.0.layer_scale", "features.3.0.layer_scale"}),
    ),
    Case(
        "vit",
        small_vit,
        (3, 8, 8),
        frozenset(
            {
                "class_token",
                "encoder.pos_embedding",
                *(
                    f"encoder.layers.encoder_layer_0.self_attention.{name}"
                    for name in (
                        "in_proj_weight",
                        "in_proj_bias",
                        "out_proj.weight",
                        "out_proj.bias",
                    )
                ),
            }
        ),
    ),
]
