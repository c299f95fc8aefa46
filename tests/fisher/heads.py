"""Random heads for hypothesis: networks that end in Linear, or Linear–ReLU–Linear, and their pools."""

from dataclasses import dataclass, field
from typing import Any

import torch
from hypothesis import strategies as st
from torch import Tensor, nn

from fishermask_backend.fisher import HeadFactors, head_factors, masked_factors

DEAD = -1e6  # a bias that no input outweighs


@dataclass
class HeadCase:
    """A head, images, a mask, which images are labelled, and what factors are made with."""

    model: nn.Module
    images: Tensor
    mask: Tensor
    labelled: Tensor
    options: dict[str, Any] = field(default_factory=dict)

    def dense(self) -> Tensor:
        return masked_factors(self.model, self.images, self.mask, **self.options)

    def structured(self) -> HeadFactors:
        found = head_factors(self.model, self.images, self.mask, **self.options)
        assert found is not None
        return found


class Centre(nn.Module):
    """A fixed standardisation in front."""

    def forward(self, x: Tensor) -> Tensor:
        return (x - 0.1) / 1.3


@st.composite
def head_cases(draw: st.DrawFn) -> HeadCase:
    """Heads in float64 with dead units, copies of images, and masks of any part in any order."""
    torch.manual_seed(draw(st.integers(0, 2**16)))
    C, F, H = draw(st.integers(1, 5)), draw(st.integers(1, 6)), draw(st.integers(0, 6))
    bias = draw(st.booleans())
    layers: list[nn.Module] = [Centre()]
    if H:
        hidden = nn.Linear(F, H, bias=draw(st.booleans()))
        if hidden.bias is not None:
            hidden.bias.data[: draw(st.integers(0, H))] = DEAD
        layers += [hidden, nn.ReLU(), nn.Dropout(0.5)]
    model = nn.Sequential(*layers, nn.Linear(H or F, C, bias=bias)).double()
    N = draw(st.integers(1, 14))
    images = 2 * torch.randn((N, F), dtype=torch.float64)
    if draw(st.booleans()):
        images[N // 2 :] = images[: N - N // 2].clone()
    P = sum(p.numel() for p in model.parameters())
    mask = torch.randperm(P)[: draw(st.integers(1, P))]
    mask = mask if draw(st.booleans()) else mask.sort().values
    share = draw(st.sampled_from([0, 0.3, "one"]))
    labelled = torch.arange(N) == N - 1 if share == "one" else torch.rand(N) < share
    options = {
        "likelihood": draw(st.sampled_from(["categorical", "bernoulli"])),
        "weighting": draw(st.sampled_from(["expected", "uniform"])),
        "top_classes": draw(st.sampled_from([None, 1, 2])),
    }
    return HeadCase(model, images, mask, labelled, options)


def trained(N: int = 200, C: int = 5, seed: int = 0) -> HeadCase:
    """A head in float32 as the backend has it, its last layer and forty other entries masked."""
    torch.manual_seed(seed)
    model = nn.Sequential(
        Centre(), nn.Linear(30, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, C)
    ).eval()
    inner = model[1].weight.numel() + model[1].bias.numel()
    last = torch.arange(inner, inner + model[4].weight.numel() + C)
    mask = torch.cat([torch.randperm(inner)[:40].sort().values, last])
    return HeadCase(model, 2 * torch.randn(N, 30), mask, torch.arange(N) % 20 == 0)
