"""Margin sampling (Scheffer et al. 2001): images whose two likeliest answers are nearest each other."""

from torch import Tensor

from fishermask_backend.learning.strategies.uncertainty import Uncertainty


def of_one_label(p: Tensor) -> Tensor:
    """Return 1 − (p₍₁₎ − p₍₂₎) (N,), of the two largest entries of each row."""
    best = p.topk(2).values
    return 1 - (best[:, 0] - best[:, 1])


def of_any_number(p: Tensor) -> Tensor:
    """Return 1 − min_c |2p_c − 1| (N,): the two likeliest sets differ in the class nearest ½."""
    return 1 - (2 * p - 1).abs().amin(1)


MARGIN = Uncertainty("margin", {"categorical": of_one_label, "bernoulli": of_any_number})
