"""Networks of every kind of layer that the backbones have, and of what the fast path can't know."""

import torch
from efficientnet_lite_pytorch import EfficientNet
from torch import nn
from torch.nn import functional
from torch.nn.utils import parametrizations
from torchvision import models
from torchvision.models.convnext import CNBlockConfig

CLASSES = 3


class Residual(nn.Module):
    """Batch norm, in-place ReLU and a shortcut, as in a ResNet."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(4)
        self.inside = nn.Conv2d(4, 4, 3, padding=1)
        self.act = nn.ReLU(inplace=True)
        self.out = nn.Linear(4, CLASSES)

    def forward(self, x):
        x = self.act(self.norm(self.conv(x)))
        x = self.act(x + self.norm(self.inside(x)))  # the norm is used twice
        return self.out(x.mean((2, 3)))


class Twice(nn.Module):
    """A layer used twice, and two modules that share one weight."""

    def __init__(self):
        super().__init__()
        self.a = nn.Linear(6, 6)
        self.b = nn.Linear(6, 6)
        self.b.weight = self.a.weight
        self.conv = nn.Conv2d(2, 2, 3, padding=1)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = self.conv(torch.tanh(self.conv(x))).flatten(1)[:, :6]
        return self.out(torch.tanh(self.b(torch.tanh(self.a(torch.tanh(self.a(x)))))))


class Tokens(nn.Module):
    """Linear and LayerNorm over a sequence, axes (N, tokens, features)."""

    def __init__(self):
        super().__init__()
        self.norm = nn.LayerNorm(5)
        self.mix = nn.Linear(5, 7)
        self.norm2 = nn.LayerNorm((4, 7))
        self.out = nn.Linear(7, CLASSES)

    def forward(self, x):
        return self.out(self.norm2(functional.gelu(self.mix(self.norm(x)))).mean(1))


class SequenceFirst(nn.Module):
    """Tokens along the first axis: as many of them as a batch may have images."""

    def __init__(self):
        super().__init__()
        self.mix = nn.Linear(5, 7)
        self.out = nn.Linear(7, CLASSES)

    def forward(self, x):
        return self.out(torch.tanh(self.mix(x.transpose(0, 1))).square().mean(0))


class DirectUse(nn.Module):
    """Parameters on the module itself, and a weight used both by its layer and directly."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(6))
        self.hidden = nn.Linear(6, 6)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, x):
        x = torch.tanh(self.hidden(x * self.scale))
        return self.out(torch.tanh(x @ self.hidden.weight))


class UnusedCall(nn.Module):
    """The layer's own call leads nowhere, its weight is used another way as often."""

    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(6, 6, bias=False)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, x):
        self.hidden(x)
        return self.out(torch.tanh(torch.einsum("ni,oi->no", x, self.hidden.weight)))


class Functional(nn.Module):
    """Weights handed to functions: known functions, whoever calls them."""

    def __init__(self):
        super().__init__()
        self.kernel = nn.Parameter(0.3 * torch.randn(4, 2, 3, 3))
        self.shift = nn.Parameter(torch.randn(4))
        self.out = nn.Linear(4, CLASSES)

    def forward(self, x):
        x = functional.conv2d(
            bias=self.shift, weight=self.kernel, input=x, padding="same", dilation=2
        )
        return self.out(torch.tanh(x).mean((2, 3)))


class OwnForward(nn.Conv2d):
    """A Conv2d that does something else than Conv2d."""

    def forward(self, x):
        return 2 * functional.conv2d(functional.pad(x, (0, 1, 2, 0)), self.weight**2, self.bias)


class ChangedInput(nn.Module):
    """The convolution's input is changed in place after it was read."""

    def __init__(self):
        super().__init__()
        self.frozen = nn.Conv2d(2, 4, 1).requires_grad_(False)
        self.conv = nn.Conv2d(4, 4, 3)
        self.out = nn.Linear(4, CLASSES)

    def forward(self, x):
        x = self.frozen(x)
        with torch.no_grad():
            y = x.clone()
        z = self.conv(y)
        y.mul_(3)
        return self.out(torch.tanh(z).mean((2, 3)))


class Frozen(nn.Module):
    """The first layer is not trained, one trained parameter reaches no logit."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(6, 6).requires_grad_(False)
        self.unused = nn.Linear(3, 3)
        self.second = nn.Linear(6, 6)
        self.out = nn.Linear(6, CLASSES)

    def forward(self, x):
        return self.out(torch.tanh(self.second(torch.tanh(self.first(x)))))


def published_cnn(classes: int = CLASSES) -> nn.Module:
    """The network of the goldens."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Linear(784, 32), nn.ReLU(), nn.Linear(32, classes, bias=False),
    )  # fmt: skip


def convolutions() -> nn.Module:
    """Stride, padding, dilation, groups, depthwise, rectangles, reflection."""
    return nn.Sequential(
        nn.Conv2d(2, 4, (3, 2), stride=(2, 1), padding=(1, 2), dilation=(1, 2)), nn.ReLU6(),
        nn.Conv2d(4, 6, 3, padding=1, groups=2), nn.Hardswish(),
        nn.Conv2d(6, 6, 3, padding=2, dilation=2, groups=6, bias=False), nn.SiLU(),
        nn.Conv2d(6, 12, 3, padding="same", groups=6), nn.Sigmoid(),
        nn.Conv2d(12, 4, 2, padding="same"), nn.Tanh(),
        nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
        nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16, CLASSES),
    )  # fmt: skip


def unknown_layers() -> nn.Module:
    """Layers with parameters that the fast path has no rule for."""
    return nn.Sequential(
        nn.ConvTranspose2d(2, 4, 3), nn.GroupNorm(2, 4), nn.PReLU(), OwnForward(4, 4, 2),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), parametrizations.weight_norm(nn.Linear(4, 4)),
        nn.Tanh(), nn.Linear(4, CLASSES),
    )  # fmt: skip


def head() -> nn.Module:
    """A frozen backbone's head, as the backend trains it."""
    return nn.Sequential(nn.Linear(20, 8), nn.ReLU(), nn.Dropout(0.2), nn.Linear(8, CLASSES))


def efficientnet_lite0() -> nn.Module:
    """As the package gives it: its convolutions pad in a forward of their own."""
    return EfficientNet.from_name("efficientnet-lite0", num_classes=CLASSES)


def small_convnext() -> nn.Module:
    return models.ConvNeXt([CNBlockConfig(8, 16, 1), CNBlockConfig(16, None, 1)], num_classes=3)


def small_vit() -> nn.Module:
    return models.VisionTransformer(
        image_size=8, patch_size=4, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=16,
        num_classes=CLASSES,
    )  # fmt: skip
