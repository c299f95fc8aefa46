"""Labels to targets, and targets to a loss."""

import torch
from torch.nn import functional

from fishermask_backend.learning.objectives import Taught, as_targets, joint_loss


def test_targets_are_what_labels_name() -> None:
    assert as_targets([["b"], ["a"]], "abc", "categorical").tolist() == [1, 0]
    several = as_targets([["c", "a"], []], "abc", "bernoulli")
    assert several.tolist() == [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]


def test_what_nobody_was_asked_is_nothing_to_learn_from() -> None:
    several = as_targets([["a"], ["a"]], "ab", "bernoulli", [["b"], []])
    assert several.isnan().tolist() == [[False, True], [False, False]]
    one = as_targets([["b"]], "ab", "categorical", [["a"]])
    assert one.tolist() == [1]


def test_several_heads_lose_the_sum_of_what_each_loses_where_it_is_labelled() -> None:
    torch.manual_seed(0)
    logits, rows = torch.randn(5, 4), torch.tensor([4, 0, 2, 3, 1])
    one = Taught(
        "categorical", 2, torch.tensor([True, False, True, True, False]), torch.tensor([1, 0, 1])
    )
    other = Taught(
        "bernoulli", 2, torch.tensor([False, True, True, False, False]),
        torch.tensor([[1.0, 0.0], [0.0, 0.0]]),
    )  # fmt: skip
    weight = torch.tensor([3.0, 1.5])  # a class counts the same, however few its labels are
    expected = functional.cross_entropy(
        logits[[1, 2, 3], :2], torch.tensor([1, 0, 1]), weight=weight
    ) + functional.binary_cross_entropy_with_logits(
        logits[[4, 2], 2:], torch.tensor([[1.0, 0.0], [0.0, 0.0]])
    )
    assert torch.isclose(joint_loss([one, other])(logits, rows), expected)
    alone = joint_loss([one, other])(logits[1:2], rows[1:2])  # no row of the other
    assert torch.isclose(alone, functional.cross_entropy(logits[1:2, :2], torch.tensor([1])))
