"""What each image of the pool counts in what a queue is to inform.

FisherMask's queue lowers the uncertainty about the whole pool, each image the same. But what is already
decided can hardly be decided better, and where some classes are rare their images hardly count. With
TARGET=undecided an image counts

    (1 − (p₁ − p₂)) · Σ_c p_c/π_c

p₁ and p₂ its two largest probabilities, π_c the mean of class c's over the pool. Where an image has any
number of classes, 1 − (p₁ − p₂) is the mean over them of 1 − |2p_c − 1|. Measured in docs/study.md.
"""

from collections.abc import Callable
from typing import NamedTuple

from torch import Tensor

from fishermask_backend.controls.heads import Likelihood

LEAST = 1e-6  # of a class's mean probability


def undecided(probs: Tensor, likelihood: Likelihood) -> Tensor:
    """Return what each image counts (N,) float64, ≥ 0, from class probabilities (N, C)."""
    p = probs.double()
    if likelihood == "bernoulli":
        open_ = (1 - (2 * p - 1).abs()).mean(1)
    else:
        first, second = p.topk(min(2, p.shape[1]), 1).values[:, [0, -1]].unbind(1)
        open_ = 1 - (first - second) if p.shape[1] > 1 else p.new_zeros(len(p))
    # An image of which nothing is open keeps a little, so that never all count nothing.
    return (open_ * _rare(p)).clamp_min(LEAST)


def rarity(probs: Tensor) -> Tensor:
    """Return Σ_c p_c/π_c over the number of classes (N,) float64: 1 in the mean, 2 of a rare class.

    An image that is surely of class c has 1/(π_c·C): 2 where the class is half as frequent as it would
    be if all were equally so.
    """
    return (_rare(probs.double()) / probs.shape[1]).clamp_min(LEAST)


def _rare(p: Tensor) -> Tensor:
    return (p / p.mean(0).clamp_min(LEAST)).sum(1)


class Target(NamedTuple):
    """What images count.

    Attributes:
        weights: From class probabilities (N, C) and their likelihood to what each image counts (N,).
        rarity: The factor of it that rare classes have, 1 in the mean (N,).
    """

    weights: Callable[[Tensor, Likelihood], Tensor]
    rarity: Callable[[Tensor], Tensor]


TARGETS: dict[str, Target | None] = {"undecided": Target(undecided, rarity), "pool": None}
