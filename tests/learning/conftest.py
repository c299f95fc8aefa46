"""Small backbones, images for them, and a file of weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

from fishermask_backend.learning.backbones import Backbone, load_backbone

CPU = torch.device("cpu")


def backbone(name: str, train: str = "head", size: int = 64, weights: object = None) -> Backbone:
    return load_backbone(name, train=train, image_size=size, weights=weights, device=CPU)


def pixels(count: int, size: int, seed: int = 0) -> np.ndarray:
    shape = (count, 3, size, size)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


@pytest.fixture
def resnet18_file(tmp_path: Path) -> Path:
    """Random weights of resnet18 with batch norms that are not the identity."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None)
    network(torch.randn(8, 3, 64, 64))
    torch.save(network.state_dict(), tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth"
