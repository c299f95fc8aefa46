"""The marginal gain of images, in a selection and after it."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from fishermask_backend.fisher.operators import Factors, as_factors, sandwiched

GAIN_BYTES = 2**24  # of P in work at a time
BOUND_ROUNDING = 1e-9  # of tr[Q], added to a bound of a gain
FEW = 8  # images scored one by one
FIRST = 64  # one of so many images has its gain computed before the bounds decide about the others


def marginal_gains(P: Tensor, Q: Tensor) -> Tensor:
    """Return tr[Q (I + P)⁻¹] of each image: how much tr[A⁻¹ I_U] falls when it is picked.

    Args:
        P: X A⁻¹ Xᵀ (N, C, C).
        Q: X A⁻¹ I_U A⁻¹ Xᵀ (N, C, C).

    Returns:
        (N,), never negative.
    """
    return _by_parts(_gains, P, Q).clamp_min_(0)


def leading_gains(heads: Sequence[tuple[Tensor, Tensor]], open_: Tensor) -> Tensor:
    """Return the marginal gains (N,) of those images that may have the largest.

    The images of highest bound come first; their largest gain tells which others can matter.

    Args:
        heads: P = X A⁻¹ Xᵀ (N, C, C) and Q = X A⁻¹ I_U A⁻¹ Xᵀ (N, C, C) of each head; an image's gain
            is the sum of what it is to each.
        open_: (N,) bool, which images count.

    Returns:
        −inf for images that do not count or whose bound lies below the largest gain.
    """
    gains = open_.new_full(open_.shape, -math.inf, dtype=heads[0][0].dtype)
    places = open_.nonzero().flatten()
    if not len(places):
        return gains
    bounds = _total(_by_parts(gain_bounds, P, Q) for P, Q in heads)[places]
    first = bounds.topk(-(-len(places) // FIRST)).indices
    possible = torch.ones_like(places, dtype=torch.bool)
    possible[first] = False

    def compute(some: Tensor) -> None:
        own = (_by_parts(_gains, P, Q, some).clamp_min_(0) for P, Q in heads)
        gains[some] = _total(own)

    compute(places[first])
    # A bound that is no number is possible.
    possible &= ~(bounds < float(gains.max()) * (1 - 1e-6))
    compute(places[possible])
    return gains


def _total(numbers: Iterable[Tensor]) -> Tensor:
    first, *others = numbers
    for each in others:
        first = first + each
    return first


def gain_bounds(P: Tensor, Q: Tensor) -> Tensor:
    """Return for each image a number (N,) that its marginal gain does not exceed.

    1/(1 + t) is convex: between 0 and b ≥ the largest eigenvalue of P it lies below its chord,
    1 − t/(1 + b), so that tr[Q (I + P)⁻¹] ≤ tr[Q] − tr[QP]/(1 + b). b is P's Frobenius norm. The bound
    allows for rounding.
    """
    trace = torch.einsum("nii->n", Q)
    b = P.square().sum((1, 2)).sqrt()  # vector_norm is slow where P is a part of a larger tensor
    bounds: Tensor = trace * (1 + BOUND_ROUNDING) - (P * Q).sum((1, 2)) / (1 + b)
    return bounds


def _gains(P: Tensor, Q: Tensor) -> Tensor:
    """Return tr[L⁻¹ Q L⁻ᵀ] with I + P = LLᵀ."""
    eye = torch.eye(P.shape[-1], dtype=P.dtype, device=P.device)
    L, failed = torch.linalg.cholesky_ex(eye + P)
    inverse = torch.linalg.solve_triangular(L, eye, upper=False)
    gains: Tensor = ((inverse @ Q) * inverse).sum((1, 2))
    if failed.any():  # rounding of a large P has left I + P indefinite
        bad = failed.nonzero().flatten()
        gains[bad] = (torch.linalg.inv_ex(eye + P[bad]).inverse * Q[bad]).sum((1, 2))
    return gains


def _by_parts(
    work: Callable[[Tensor, Tensor], Tensor], P: Tensor, Q: Tensor, places: Tensor | None = None
) -> Tensor:
    """Return work(P, Q) (n,) of all images, or of those at some places, a part of them at a time."""
    images = max(1, GAIN_BYTES // max(8 * P[:1].numel(), 1))
    if places is None:
        parts = zip(torch.split(P, images), torch.split(Q, images), strict=True)
        return torch.cat([work(*part) for part in parts])
    return torch.cat([work(P[part], Q[part]) for part in torch.split(places, images)])


def marginal_losses(P: Tensor, Q: Tensor) -> Tensor:
    """Return tr[Q (I − P)⁻¹] of picked images (N,): how much tr[A⁻¹ I_U] rises without each."""
    values, vectors = torch.linalg.eigh(P)
    rotated = (vectors.mT @ Q @ vectors).diagonal(dim1=1, dim2=2)
    left = (1 - values).clamp_min(torch.finfo(P.dtype).eps)
    return torch.sum(rotated / left, 1)


@dataclass(frozen=True)
class PoolScorer:
    """A selection's state after its last pick: enough to score images that it never saw.

    Attributes:
        inverse: A⁻¹ (d, d), float64.
        pool_fisher: I_U (d, d), float64.
        scale: Weight of a pick, () float64: X = scale · V.
    """

    inverse: Tensor
    pool_fisher: Tensor
    scale: Tensor
    _ready: "_Ready" = field(
        default_factory=lambda: _Ready(), init=False, repr=False, compare=False
    )

    @cached_property
    def weighed(self) -> Tensor:
        """A⁻¹ I_U A⁻¹ (d, d): 1½·d³ multiply-adds when it is first asked for."""
        return sandwiched(self.pool_fisher, self.inverse)

    def to_tensors(self) -> dict[str, Tensor]:
        """Return the state as contiguous tensors, 8 d² bytes: both matrices are symmetric.

        `matrices` (d, d) holds A⁻¹ in its upper triangle with the diagonal and I_U below it,
        `diagonal` (d,) that of I_U, `scale` () the weight of a pick.
        """
        return {
            "matrices": self.inverse.triu() + self.pool_fisher.tril(-1),
            "diagonal": self.pool_fisher.diagonal().clone(),
            "scale": self.scale.clone(),
        }

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> "PoolScorer":
        """Rebuild the state from what `to_tensors` gave.

        Raises:
            KeyError: One of its tensors is missing.
        """
        matrices = tensors["matrices"]
        upper, lower = matrices.triu(), matrices.tril(-1)
        return cls(
            upper + upper.triu(1).T, lower + lower.T + tensors["diagonal"].diag(), tensors["scale"]
        )


class _Ready:
    """A scorer's matrices as factors of one make want them, for images that come a few at a time.

    They cost more than they save the first time; whoever comes again will come more often.
    """

    def __init__(self) -> None:
        self._asked = False
        self._make: object = None
        self._matrices: list[list[Tensor]] = []

    def matrices(self, scorer: PoolScorer, factors: Factors) -> list[list[Tensor]]:
        """Return A⁻¹ and A⁻¹ I_U A⁻¹; nothing when first asked, and where they would save nothing."""
        if not self._asked or factors.device.type != "cpu" or not factors.structured:
            self._asked = True
            return []
        if not self._matrices or factors.make is not self._make:
            self._make = factors.make
            self._matrices = [factors.prepared(S) for S in (scorer.inverse, scorer.weighed)]
        return self._matrices


def score_new(scorer: PoolScorer, factors: Tensor | Factors) -> Tensor:
    """Return the marginal gains of new images, on the scale of `Selection.remaining`.

    Args:
        scorer: `Selection.scorer`, or rebuilt from its tensors.
        factors: V (M, C, d), by the same model and mask as the selection's pool: a tensor, or what
            stands for one.

    Returns:
        (M,) float64.

    Raises:
        ValueError: The factors are not (M, C, d) with the scorer's d.
    """
    d = len(scorer.inverse)
    if len(factors.shape) != 3 or factors.shape[2] != d:
        shape = tuple(factors.shape)
        raise ValueError(f"Factors {shape} do not fit a scorer of d={d}: (M, C, d).")
    new = as_factors(factors)
    images = torch.arange(len(new))
    ready = scorer._ready.matrices(scorer, new) if 0 < len(new) <= FEW else []
    if ready:
        P, Q = (
            torch.stack([new.block(image, S) for image in images.unsqueeze(1)]) * scorer.scale**2
            for S in ready
        )
        return marginal_gains(P, Q)
    # From here on A⁻¹ I_U A⁻¹ costs less than it saves.
    if new.structured and ("weighed" in vars(scorer) or len(new) * new.shape[1] > d):
        P, Q = (
            new.blocks(images, S.to(new.device)).to(S) * scorer.scale**2
            for S in (scorer.inverse, scorer.weighed)
        )
        return marginal_gains(P, Q)
    X = new.rows(images).to(scorer.inverse) * scorer.scale
    Y = (X.flatten(0, 1) @ scorer.inverse).view_as(X)
    Z = (Y.flatten(0, 1) @ scorer.pool_fisher).view_as(X)
    return marginal_gains(Y @ X.mT, Z @ Y.mT)
