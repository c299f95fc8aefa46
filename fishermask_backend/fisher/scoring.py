"""The marginal gain of images, in a selection and after it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


def marginal_gains(P: Tensor, Q: Tensor) -> Tensor:
    """Return tr[Q (I + P)⁻¹] of each image: how much tr[A⁻¹ I_U] falls when it is picked.

    Args:
        P: X A⁻¹ Xᵀ (N, C, C).
        Q: X A⁻¹ I_U A⁻¹ Xᵀ (N, C, C).

    Returns:
        (N,), never negative.
    """
    eye = torch.eye(P.shape[-1], dtype=P.dtype, device=P.device)
    inverse: Tensor = torch.linalg.inv_ex(eye + P).inverse
    return (inverse * Q).sum((1, 2)).clamp_min(0)


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


def score_new(scorer: PoolScorer, factors: Tensor) -> Tensor:
    """Return the marginal gains of new images, on the scale of `Selection.remaining`.

    Args:
        scorer: `Selection.scorer`, or rebuilt from its tensors.
        factors: V (M, C, d), by the same model and mask as the selection's pool.

    Returns:
        (M,) float64.

    Raises:
        ValueError: The factors are not (M, C, d) with the scorer's d.
    """
    d = len(scorer.inverse)
    if factors.ndim != 3 or factors.shape[2] != d:
        raise ValueError(f"Factors {tuple(factors.shape)} do not fit a scorer of d={d}: (M, C, d).")
    X = factors.to(scorer.inverse) * scorer.scale
    Y = (X.flatten(0, 1) @ scorer.inverse).view_as(X)
    Z = (Y.flatten(0, 1) @ scorer.pool_fisher).view_as(X)
    return marginal_gains(Y @ X.mT, Z @ Y.mT)
