"""What an image counts in what a queue is to inform."""

import pytest
import torch

from fishermask_backend.learning.target import LEAST, rarity, undecided


def test_open_images_and_rare_classes_count_more():
    probs = torch.tensor([[0.9, 0.1, 0.0], [0.5, 0.5, 0.0], [0.55, 0.0, 0.45], [1.0, 0.0, 0.0]])
    found = undecided(probs, "categorical")
    mean = probs.double().mean(0)
    expected = [
        (1 - (top - second)) * sum(p / q for p, q in zip(row, mean.tolist(), strict=True))
        for row, top, second in zip(
            probs.double().tolist(), [0.9, 0.5, 0.55, 1], [0.1, 0.5, 0.45, 0], strict=True
        )
    ]
    assert found[:3].tolist() == pytest.approx(expected[:3], rel=1e-6)
    assert found[3] == LEAST
    assert found.argmax() == 2  # of the rare class, and hardly less open


def test_where_an_image_has_any_number_of_classes():
    probs = torch.tensor([[0.5, 0.5], [0.9, 0.1], [0.5, 0.0], [1.0, 0.0]])
    found = undecided(probs, "bernoulli")
    rare = (probs.double() / probs.double().mean(0)).sum(1)
    expected = (torch.tensor([1.0, 0.2, 0.5, 0.0]).double() * rare).clamp_min(LEAST)
    torch.testing.assert_close(found, expected)


def test_a_class_half_as_frequent_as_in_an_even_pool_counts_twice():
    labels = torch.tensor([0] * 14 + [1] * 4 + [2] * 6)
    found = rarity(torch.eye(3)[labels])
    assert found.mean() == pytest.approx(1)
    assert found[labels == 1].tolist() == pytest.approx([2.0] * 4)  # a sixth, and not a third


@pytest.mark.parametrize("likelihood", ["categorical", "bernoulli"])
@pytest.mark.parametrize("classes", [1, 2, 5])
@pytest.mark.parametrize("value", [0.0, 1.0])
def test_certain_images_count_alike(likelihood, classes, value):
    found = undecided(torch.full((4, classes), value), likelihood)
    assert (found > 0).all()
    assert (found == found[0]).all()
