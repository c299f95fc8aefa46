"""A network whose logits are moved by something that has no parameter."""

import pytest
import torch
from torch import Tensor, nn

from fishermask_backend.fisher import fisher_diagonal, head_factors, masked_factors
from fishermask_backend.fisher.offset import WithOffset

from .oracle import slow_diagonal, slow_factors


class Known(nn.Module):
    """An offset that depends on the image."""

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs[:, :3].sin() * 2


def network(offset: nn.Module) -> nn.Sequential:
    torch.manual_seed(0)
    head = nn.Sequential(nn.Linear(5, 4), nn.ReLU(), nn.Dropout(0.5), nn.Linear(4, 3))
    frozen = nn.Linear(6, 5).requires_grad_(False)
    return nn.Sequential(frozen, WithOffset(head, offset)).double().eval()


IMAGES = torch.randn(7, 6, generator=torch.Generator().manual_seed(1)).double()
MASKS = [torch.arange(24, 39), torch.tensor([0, 3, 7, 21, 25, 30, 36, 38])]


@pytest.mark.parametrize("likelihood", ["categorical", "bernoulli"])
def test_factors_and_diagonal_are_those_of_the_moved_logits(likelihood) -> None:
    model = network(Known())
    expected = slow_factors(model, IMAGES, likelihood=likelihood)
    for mask in MASKS:
        formed = masked_factors(model, IMAGES, mask, likelihood=likelihood)
        torch.testing.assert_close(formed.double(), expected[:, :, mask], rtol=1e-5, atol=1e-7)
        found = head_factors(model, IMAGES, mask, likelihood=likelihood)
        assert found is not None
        torch.testing.assert_close(
            found.rows(torch.arange(7)), expected[:, :, mask], rtol=1e-9, atol=1e-12
        )
    torch.testing.assert_close(
        fisher_diagonal(model, IMAGES, likelihood=likelihood).double(),
        slow_diagonal(model, IMAGES, likelihood),
        rtol=1e-5,
        atol=1e-8,
    )


def test_it_is_not_the_same_without_it() -> None:
    model = network(Known())
    plain = nn.Sequential(model[0], model[1].network)
    with_it, without = (head_factors(m, IMAGES, MASKS[1]) for m in (model, plain))
    assert with_it is not None
    assert without is not None
    assert not torch.allclose(with_it.rows(torch.arange(7)), without.rows(torch.arange(7)))


def test_an_offset_that_a_masked_parameter_is_in_has_no_structure() -> None:
    inside = nn.Linear(5, 3)
    model = network(inside)
    size = sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert size == 39 + 18
    assert head_factors(model, IMAGES, torch.arange(30, 45)) is None
    assert head_factors(model, IMAGES, torch.arange(30, 39)) is not None
