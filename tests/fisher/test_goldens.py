"""The published code's own masks, factors and picks (made in float32 on Fashion-MNIST)."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from fishermask_backend.fisher import fisher_diagonal, fisher_mask, masked_factors, select_batch

from .networks import published_cnn

DATA = Path(__file__).parents[1] / "data"
NAMES = ("conv1.weight", "conv1.bias", "conv2.weight", "conv2.bias", "fc1.weight", "fc1.bias")


@dataclass
class Golden:
    rule: str
    backward_steps: float
    data: dict[str, np.ndarray]
    model: nn.Module
    images: Tensor

    def tensor(self, name: str) -> Tensor:
        return torch.from_numpy(self.data[name])


@pytest.fixture(
    params=[("standard", "global", 0), ("dispersed", "per_layer", 0), ("backward", "global", 1)]
)
def golden(request) -> Golden:
    name, rule, backward_steps = request.param
    with np.load(DATA / f"{name}.npz") as file:
        data = dict(file)
    model = published_cnn(data["logits"].shape[1])
    for parameter, key in zip(model.parameters(), (*NAMES, "fc.weight"), strict=True):
        parameter.data = torch.from_numpy(data[f"w_{key}"])
    images = torch.from_numpy(data["images"]).float().unsqueeze(1) / 255
    return Golden(rule, backward_steps, data, model, images)


def test_mask(golden: Golden) -> None:
    diagonal = fisher_diagonal(golden.model, golden.images)
    fraction = float(golden.data["pct"])
    mask = fisher_mask(diagonal, golden.model, fraction=fraction, rule=golden.rule)
    assert mask.tolist() == golden.data["mask"].tolist()


def test_factors(golden: Golden) -> None:
    V = masked_factors(golden.model, golden.images, golden.tensor("mask"), weighting="uniform")
    published = golden.tensor("V")
    assert (V - published).abs().max() <= 1e-5 * published.abs().max()


@pytest.mark.parametrize("own_factors", [False, True])
def test_picks(golden: Golden, own_factors: bool) -> None:
    V = golden.tensor("V")
    if own_factors:
        V = masked_factors(golden.model, golden.images, golden.tensor("mask"), weighting="uniform")
    selection = select_batch(
        V,
        golden.tensor("labelled"),
        len(golden.data["chosen"]),
        ridge=float(golden.data["lamb"]),
        backward_steps=golden.backward_steps,
    )
    assert selection.indices.tolist() == golden.data["chosen"].tolist()
