"""The model comes back as it was given, and its mode and the caller's don't change the result."""

import pytest
import torch
from torch import nn

from fishermask_backend.fisher import fisher_diagonal, masked_factors


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3))
    model(torch.randn(20, 4)).sum().backward()
    model[2].eval()  # a mixture of modes
    return model.double()


def test_modes_gradients_and_statistics_come_back(model) -> None:
    modes = [module.training for module in model.modules()]
    state = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    gradients = [p.grad.clone() for p in model.parameters()]
    images = torch.randn(6, 4).double()
    fisher_diagonal(model, images)
    masked_factors(model, images, torch.arange(5))
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(tensor, state[name]) for name, tensor in model.state_dict().items())
    assert all(torch.equal(p.grad, g) for p, g in zip(model.parameters(), gradients, strict=True))
    assert all(p.requires_grad for p in model.parameters())


def test_modes_come_back_after_an_error(model) -> None:
    with pytest.raises(RuntimeError):
        fisher_diagonal(model, torch.randn(6, 5).double())
    assert [module.training for module in model.modules()] == [True, True, True, False, True]


@pytest.mark.parametrize("context", [torch.no_grad, torch.inference_mode])
def test_callers_context_does_not_matter(model, context) -> None:
    outside = fisher_diagonal(model, torch.ones(3, 4).double())
    with context():
        inside = fisher_diagonal(model, torch.ones(3, 4).double())
        factors = masked_factors(model, torch.ones(3, 4).double(), torch.arange(5))
    assert torch.equal(inside, outside)
    assert not inside.requires_grad
    assert not factors.requires_grad


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_results_have_the_models_dtype(model, dtype) -> None:
    model = model.to(dtype)
    assert fisher_diagonal(model, torch.ones(3, 4, dtype=dtype)).dtype == dtype
    assert masked_factors(model, torch.ones(3, 4, dtype=dtype), torch.arange(5)).dtype == dtype
