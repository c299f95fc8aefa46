"""The number of classes that counts by itself: all of few, enough of many."""

import pytest
import torch

from fishermask_backend.fisher import enough_classes, rest_weight


@pytest.mark.parametrize("C", [1, 2, 48])
def test_all_of_few(C, likelihood) -> None:
    p = torch.full((5, C), 1 / C)
    assert enough_classes(p, likelihood) is None


@pytest.mark.parametrize(("sharpness", "expected"), [(0.0, 40), (1.0, 40), (4.0, 20), (50.0, 10)])
def test_enough_of_many(sharpness, expected) -> None:
    logits = sharpness * torch.randn((500, 100), generator=torch.Generator().manual_seed(0))
    p = logits.softmax(1)
    assert enough_classes(p) == expected
    if expected < 40:
        assert rest_weight(p, expected).mean() <= 0.02


def test_one_of_many_labels() -> None:
    p = torch.full((5, 100), 1e-9)
    p[:, 7] = 0.5
    assert enough_classes(p, "bernoulli") == 10
