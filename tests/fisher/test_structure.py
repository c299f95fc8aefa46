"""Which networks have a head of the known structure, for which masks."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations

from fishermask_backend.fisher import find_head, head_factors, masked_factors

from .heads import Centre, trained
from .networks import published_cnn


class Doubled(nn.Linear):
    """A Linear that does something else."""

    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


def everything(model: nn.Module) -> Tensor:
    return torch.arange(sum(p.numel() for p in model.parameters() if p.requires_grad))


def tied() -> nn.Module:
    first, last = nn.Linear(4, 4), nn.Linear(4, 4)
    last.weight = first.weight
    return nn.Sequential(first, nn.ReLU(), last)


def hooked() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 3))
    model[0].register_forward_hook(lambda module, args, output: 2 * output)
    return model


def replaced() -> nn.Module:
    model = nn.Sequential(nn.Linear(4, 3))
    model[0].forward = lambda x: x[:, :3]
    return model


def first_frozen() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4).requires_grad_(False), nn.ReLU(), nn.Linear(4, 3))


@pytest.mark.parametrize(
    ("model", "hidden"),
    [
        (nn.Linear(4, 3), False),
        (nn.Sequential(Centre(), nn.Linear(4, 3)), False),
        (nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Dropout(), nn.Linear(5, 3)), True),
        (nn.Sequential(Centre(), nn.Sequential(nn.Linear(4, 5), nn.ReLU()), nn.Linear(5, 3)), True),
        (nn.Sequential(nn.Linear(4, 5), nn.ReLU(inplace=True), nn.Identity(), nn.Linear(5, 3)), True),
        (first_frozen(), False),
    ],
    ids=str,
)  # fmt: skip
def test_heads(model: nn.Module, hidden: bool) -> None:
    mask = everything(model)
    head = find_head(model, mask)
    assert head is not None
    assert (head.hidden is not None) == hidden
    images = torch.randn(5, 4)
    factors = head_factors(model, images, mask)
    assert factors is not None
    assert factors.image_bytes == head.image_bytes(3)
    V = masked_factors(model, images, mask)
    torch.testing.assert_close(factors.rows(torch.arange(5)).float(), V, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    "model",
    [
        nn.Sequential(nn.Linear(4, 5), nn.Tanh(), nn.Linear(5, 3)),
        nn.Sequential(nn.Linear(4, 5), nn.Linear(5, 3)),
        nn.Sequential(nn.Linear(4, 5), nn.LayerNorm(5), nn.ReLU(), nn.Linear(5, 3)),
        nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 5), nn.ReLU(), nn.Linear(5, 3)),
        nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3), nn.Softplus()),
        nn.Sequential(Doubled(4, 3)),
        nn.Sequential(parametrizations.weight_norm(nn.Linear(4, 3))),
        tied(),
        hooked(),
        replaced(),
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(8, 3)),
    ],
    ids=str,
)
def test_networks_without_one(model: nn.Module) -> None:
    assert find_head(model, everything(model)) is None


def test_a_mask_of_the_head_alone_has_the_structure_over_any_network() -> None:
    model, images = published_cnn(), torch.randn(6, 1, 28, 28)
    P = len(everything(model))
    mask = torch.arange(P - 200, P)  # the last layer, and some of the hidden one
    factors = head_factors(model, images, mask)
    assert factors is not None
    V = masked_factors(model, images, mask)
    torch.testing.assert_close(factors.rows(torch.arange(6)).float(), V, rtol=1e-4, atol=1e-6)
    assert head_factors(model, images, torch.arange(P)) is None


def test_a_layer_used_twice() -> None:
    layer = nn.Linear(4, 4)
    assert find_head(nn.Sequential(layer, nn.ReLU(), layer), torch.arange(20)) is None


def test_positions_are_no_head() -> None:
    """A Linear over tokens has no single input an image."""
    model = nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3), nn.Flatten())
    assert head_factors(model, torch.randn(2, 6, 4), everything(model)) is None


class OfItsBatch(nn.Module):
    """Images that depend on each other: no network this is meant for."""

    def forward(self, x: Tensor) -> Tensor:
        return x - x.mean(0)


def test_rows_that_differ_from_the_networks_own_are_not_used() -> None:
    model = nn.Sequential(OfItsBatch(), nn.Linear(4, 3))
    assert head_factors(model, torch.randn(40, 4), everything(model)) is None


def test_the_network_is_left_as_it_was() -> None:
    case = trained()
    case.model.train()
    case.structured()
    assert all(module.training for module in case.model.modules())


@pytest.mark.parametrize("N", [0, 1])
def test_few_images(N: int) -> None:
    case = trained()
    found = head_factors(case.model, case.images[:N], case.mask)
    assert (found is None) == (N == 0)
