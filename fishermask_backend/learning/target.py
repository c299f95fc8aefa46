"""What each image of the pool counts in what a queue is to inform.

FisherMask's queue lowers the uncertainty about the whole pool, each image the same. But what is already
decided can hardly be decided better, and where some classes are rare their images hardly count. With
TARGET=undecided an image counts

    (1 − (p₁ − p₂)) · Σ_c p_c/π_c

p₁ and p₂ its two largest probabilities, π_c the mean of class c's over the pool. Where an image has any
number of classes, 1 − (p₁ − p₂) is the mean over them of 1 − |2p_c − 1|. Measured in docs/study.md.
"""

from collections.abc import Callable

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
    rare = (p / p.mean(0).clamp_min(LEAST)).sum(1)
    # An image of which nothing is open keeps a little, so that never all count nothing.
    return (open_ * rare).clamp_min(LEAST)


TARGETS: dict[str, Callable[[Tensor, Likelihood], Tensor] | None] = {
    "undecided": undecided,
    "pool": None,
}
