"""`fisher_diagonal` and `masked_factors` against autograd, one image and class at a time."""

import pytest
import torch

from fishermask_backend.fisher import fisher_diagonal, fisher_mask, masked_factors
from fishermask_backend.fisher.recording import differentiable, record

from .cases import Case
from .networks import ChangedInput
from .oracle import slow_diagonal, slow_factors


def assert_close(fast: torch.Tensor, slow: torch.Tensor, tolerance: float = 1e-11) -> None:
    """Equal to a part of the largest entry."""
    assert fast.shape == slow.shape
    assert not fast.isnan().any()
    assert (fast - slow).abs().max() <= tolerance * slow.abs().max()


def test_diagonal(case: Case, likelihood: str) -> None:
    model, images = case.model(), case.images(case.batch)
    fast = fisher_diagonal(model, images, likelihood=likelihood)
    assert_close(fast, slow_diagonal(model, images, likelihood))


@pytest.mark.parametrize("weighting", ["expected", "uniform"])
def test_factors(case: Case, likelihood: str, weighting: str) -> None:
    model, images = case.model(), case.images(case.batch)
    diagonal = fisher_diagonal(model, images, likelihood=likelihood)
    slow = slow_factors(model, images, weighting, likelihood)
    for mask in (
        fisher_mask(diagonal, model, inner=60),
        fisher_mask(diagonal, model, fraction=0.001, rule="per_layer"),
        torch.randperm(len(diagonal), generator=torch.Generator().manual_seed(0))[:50],
    ):
        fast = masked_factors(model, images, mask, weighting=weighting, likelihood=likelihood)
        assert_close(fast, slow[:, :, mask])


def test_every_entry(layer_case: Case, likelihood: str) -> None:
    model, images = layer_case.model(), layer_case.images(3)
    slow = slow_factors(model, images, "expected", likelihood)
    everything = torch.arange(slow.shape[2])
    assert_close(masked_factors(model, images, everything, likelihood=likelihood), slow)


def test_only_what_no_rule_knows_goes_the_slow_way(case: Case) -> None:
    model, images = case.model(), case.images(case.batch)
    with differentiable(model):
        known = record(model, images[:1]).uses.keys() & record(model, images).uses.keys()
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    assert {name for name, p in trained.items() if p not in known} == case.slow


def test_an_input_changed_in_place_is_an_error_as_in_autograd() -> None:
    case = Case("changed_input", ChangedInput, (2, 5, 5))
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        fisher_diagonal(case.model(), case.images(case.batch))
