"""Entropy sampling (Shannon 1948; Settles 2009): images whose answer is least certain as a whole."""

import torch
from torch import Tensor

from fishermask_backend.learning.strategies.uncertainty import Uncertainty


def of_one_label(p: Tensor) -> Tensor:
    """Return −Σ_c p_c log p_c (N,)."""
    return torch.sum(torch.special.entr(p), 1)


def of_any_number(p: Tensor) -> Tensor:
    """Return the sum over classes of −p_c log p_c − (1 − p_c) log(1 − p_c) (N,)."""
    return torch.sum(torch.special.entr(p) + torch.special.entr(1 - p), 1)


ENTROPY = Uncertainty("entropy", {"categorical": of_one_label, "bernoulli": of_any_number})
