"""What cannot be computed is said, with the value and what to do."""

import pytest
import torch
from torch import nn

from fishermask_backend.fisher import fisher_diagonal, masked_factors

IMAGES = torch.ones(3, 4)


def test_no_images() -> None:
    with pytest.raises(ValueError, match="there is none"):
        fisher_diagonal(nn.Linear(4, 2), IMAGES[:0])


def test_factors_of_no_images() -> None:
    assert masked_factors(nn.Linear(4, 2), IMAGES[:0], torch.arange(3)).shape == (0, 2, 3)


def test_empty_mask() -> None:
    mask = torch.empty(0, dtype=torch.int64)
    assert masked_factors(nn.Linear(4, 2), IMAGES, mask).shape == (3, 2, 0)


def test_nothing_trained() -> None:
    with pytest.raises(ValueError, match="no parameter with requires_grad"):
        fisher_diagonal(nn.Linear(4, 2).requires_grad_(False), IMAGES)


def test_no_logits() -> None:
    with pytest.raises(ValueError, match=r"logits \(1, C\), it gave \(1, 2, 2\)"):
        fisher_diagonal(nn.Sequential(nn.Linear(4, 4), nn.Unflatten(1, (2, 2))), IMAGES)


def test_logits_that_are_no_numbers() -> None:
    model = nn.Linear(4, 2)
    images = IMAGES.clone()
    images[1] = torch.nan
    with pytest.raises(ValueError, match="image 1 of the chunk are not finite"):
        masked_factors(model, images, torch.arange(3))


def test_batch_statistics() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4, track_running_stats=False), nn.Tanh())
    with pytest.raises(ValueError, match="track_running_stats=True"):
        fisher_diagonal(model, IMAGES)


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (torch.tensor([0, 10]), "0 to 10, the model has 10"),
        (torch.tensor([-1, 3]), "-1 to 3"),
        (torch.tensor([True, False]), "torch.bool"),
        (torch.zeros(2, 2, dtype=torch.int64), r"\(2, 2\)"),
    ],
)
def test_masks(mask, message) -> None:
    with pytest.raises(ValueError, match=message):
        masked_factors(nn.Linear(4, 2), IMAGES, mask)


@pytest.mark.parametrize(
    "option", [{"likelihood": "gaussian"}, {"weighting": "none"}], ids=lambda o: next(iter(o))
)
def test_unknown_options(option) -> None:
    with pytest.raises(ValueError, match="is unknown: use"):
        masked_factors(nn.Linear(4, 2), IMAGES, torch.arange(3), **option)


@pytest.mark.parametrize("likelihood", ["categorical", "bernoulli"])
@pytest.mark.parametrize("logit", [0.0, 30.0, 1e4, 1e30])
def test_saturated_probabilities(likelihood, logit) -> None:
    model = nn.Linear(4, 3)
    model.weight.data[:] = torch.tensor([logit, 0, -logit]).unsqueeze(1)
    diagonal = fisher_diagonal(model, IMAGES, likelihood=likelihood)
    V = masked_factors(model, IMAGES, torch.arange(15), likelihood=likelihood)
    assert torch.isfinite(diagonal).all()
    torch.testing.assert_close(diagonal, V.square().sum(1).mean(0), rtol=1e-4, atol=1e-12)


def test_one_class() -> None:
    assert not fisher_diagonal(nn.Linear(4, 1), IMAGES).any()
    assert not masked_factors(nn.Linear(4, 1), IMAGES, torch.arange(5)).any()
