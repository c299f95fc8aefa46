"""The small network for small images."""

import pytest
import torch

from tests.learning.conftest import backbone, pixels


def test_small_cnn_standardises_the_pools_pixels() -> None:
    dim = pixels(20, 32) // 8 + 100  # a grey fog
    network = backbone("small_cnn", size=32).network(2, torch.from_numpy(dim))
    scaled = network[0](torch.from_numpy(dim))
    assert scaled.mean().abs() < 1e-4
    assert (scaled.std() - 1).abs() < 1e-3


@pytest.mark.parametrize("size", [16, 20, 28, 31, 32, 33, 96, 224])
def test_small_cnn_takes_any_size_and_stays_small(size: int) -> None:
    network = backbone("small_cnn", size=size).network(10, None)
    assert network(torch.from_numpy(pixels(2, size))).shape == (2, 10)
    assert sum(p.numel() for p in network.parameters()) < 150_000
