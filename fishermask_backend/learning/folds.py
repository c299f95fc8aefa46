"""Sharing out labels, so that each can be held out once."""

from collections.abc import Sequence

import torch

FOLDS = 5


def folds(answers: Sequence[str], seed: int) -> list[list[int]]:
    """Share out labels so that equal ones are in different folds, as far as they can be.

    Args:
        answers: M, what each says.
        seed: Of the shuffle before.

    Returns:
        min(M, FOLDS) lists of indices, each index in one.
    """
    order = torch.randperm(len(answers), generator=torch.Generator().manual_seed(seed)).tolist()
    order.sort(key=lambda i: answers[i])
    return [sorted(order[k::FOLDS]) for k in range(min(FOLDS, len(order)))]
