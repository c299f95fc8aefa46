"""Fisher information of a pool and of what is labelled, and how a pick changes it.

Per candidate n with X_n (C, d), two small matrices are kept up to date:

    P_n = X_n A⁻¹ X_nᵀ        Q_n = X_n A⁻¹ I_U A⁻¹ X_nᵀ        (C, C)

Adding s turns A into A + X_sᵀX_s. With S = (I + P_s)⁻¹ = RRᵀ, W = Rᵀ X_s A⁻¹ (C, d) and the
Woodbury identity, A⁻¹ becomes A⁻¹ − WᵀW, so that with B = X_n Wᵀ and E = X_n Uᵀ

    P_n ← P_n − BBᵀ        Q_n ← Q_n − BEᵀ − EBᵀ        U = W I_U A⁻¹ − ½ (W I_U Wᵀ) W

where A⁻¹ is the one before the pick. Removing s: S = (I − P_s)⁻¹, all four signs turned. That is
O(N C² d) a step instead of O(N C d²).

Differences of large numbers lose digits: where the lost ones could decide a pick, P and Q (or A⁻¹)
are computed afresh from A, which only ever grows by sums.
"""

import logging
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from fishermask_backend.fisher.scoring import marginal_gains

log = logging.getLogger(__name__)

CHUNK_BYTES = 2**26  # of a pool in float64 at a time
PRECISION = 1e-10  # of gains, relative to the largest
ROUNDING = 10 * torch.finfo(torch.float64).eps  # of a matrix product, relative to its largest term
DRIFT = 1e6  # growth of A since its inverse was last computed from it


class Information:
    """A, I_U and every candidate's P and Q, through picks and removals.

    Attributes:
        candidates: Pool indices (M,) of the unlabelled images.
        inverse: A⁻¹ (d, d).
        pool_fisher: I_U (d, d).
        P: (M, C, C).
        Q: (M, C, C).
    """

    def __init__(
        self, V: Tensor, labelled: Tensor, batch_size: int, scale: float, ridge: float
    ) -> None:
        """Set up A = λI + Σ over labelled of VᵀV/(L + K).

        Args:
            V: (N, C, d) of the whole pool.
            labelled: (N,) bool.
            batch_size: K.
            scale: Weight of a pick, X = scale · V.
            ridge: λ.
        """
        self._V, self._scale = V, scale
        self.candidates = (~labelled).nonzero().flatten()
        known = labelled.nonzero().flatten()
        self.pool_fisher = self._gram(torch.cat([self.candidates, known])) / max(len(V), 1)
        self._A = self._gram(known) / max(len(known) + batch_size, 1)
        self._A.diagonal().add_(ridge)
        self.P = self._A.new_zeros((len(self.candidates), V.shape[1], V.shape[1]))
        self.Q = torch.zeros_like(self.P)
        self._peak_P, self._peak_Q = self.P.new_zeros((2, len(self.candidates)))
        self._invert()
        self._compute(torch.arange(len(self.candidates), device=V.device))

    def gains(self) -> Tensor:
        """Return every candidate's marginal gain (M,)."""
        gains = marginal_gains(self.P, self.Q)
        if len(gains) and self._restore(float(gains.max())):
            return marginal_gains(self.P, self.Q)
        return gains

    def losses(self, places: list[int]) -> Tensor:
        """Return tr[Q (I − P)⁻¹] of picked candidates: what the objective rises by without each."""
        losses = _losses(self.P[places], self.Q[places])
        if self._restore(float(losses.min())):
            return _losses(self.P[places], self.Q[places])
        return losses

    def add(self, place: int) -> None:
        """Label candidate number `place`."""
        self._step(place, 1.0)

    def remove(self, place: int) -> None:
        """Take it back."""
        self._step(place, -1.0)

    def _step(self, place: int, sign: float) -> None:
        X = self._V[self.candidates[place]].double() * self._scale
        growth, vectors = torch.linalg.eigh(X @ self.inverse @ X.T)
        growth = 1 + sign * growth
        self._A.addmm_(X.T, X, alpha=sign)
        if growth.min() < 1 / math.sqrt(DRIFT):  # removing what nothing else covers
            self._invert()
            self._compute(torch.arange(len(self.candidates), device=X.device))
            return
        W = (vectors * growth.rsqrt()).T @ X @ self.inverse
        weighed = W @ self.pool_fisher
        U = weighed @ self.inverse - sign / 2 * (weighed @ W.T) @ W
        both = torch.cat([W, U]) * self._scale
        for rows, V in self._chunks(self.candidates):
            B, E = torch.split(V @ both.T, len(W), 2)
            T = B @ E.mT
            self.P[rows] -= sign * B @ B.mT
            self.Q[rows] -= sign * (T + T.mT)
        self.inverse -= sign * W.T @ W
        self._drift *= float(torch.maximum(growth, 1 / growth).max())
        if self._drift > DRIFT:
            self._invert()
        self._peak_P = torch.maximum(self._peak_P, _traces(self.P))
        self._peak_Q = torch.maximum(self._peak_Q, _traces(self.Q))

    def _restore(self, decisive: float) -> bool:
        """Compute afresh what has lost digits that matter beside a decisive gain."""
        lost_P = (_traces(self.P) < 0.1 * self._peak_P) & (ROUNDING * self._peak_P > PRECISION)
        lost_Q = _traces(self.Q) < 0.1 * self._peak_Q
        lost_Q &= ROUNDING * self._peak_Q > PRECISION * decisive
        places = (lost_P | lost_Q).nonzero().flatten()
        if len(places):
            if self._drift > 1:
                self._invert()
            self._compute(places)
        return len(places) > 0

    def _invert(self) -> None:
        self.inverse = torch.cholesky_inverse(_cholesky(self._A))
        self._drift = 1.0

    def _compute(self, places: Tensor) -> None:
        """Compute P and Q of some candidates from their definitions."""
        for rows, V in self._chunks(self.candidates[places]):
            X = V * self._scale
            Y = (X.flatten(0, 1) @ self.inverse).view_as(X)
            Z = (Y.flatten(0, 1) @ self.pool_fisher).view_as(X)
            self.P[places[rows]] = Y @ X.mT
            self.Q[places[rows]] = Z @ Y.mT
        self._peak_P[places] = _traces(self.P[places])
        self._peak_Q[places] = _traces(self.Q[places])

    def _chunks(self, indices: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield slices of pool indices with their V in float64."""
        _, C, d = self._V.shape
        size = max(1, CHUNK_BYTES // max(8 * C * d, 1))
        for start in range(0, len(indices), size):
            rows = slice(start, min(start + size, len(indices)))
            yield rows, self._V[indices[rows]].double()

    def _gram(self, indices: Tensor) -> Tensor:
        """Return Σ VᵀV (d, d) over some images."""
        d = self._V.shape[2]
        total = torch.zeros((d, d), dtype=torch.float64, device=self._V.device)
        for _, V in self._chunks(indices):
            rows = V.flatten(0, 1)
            total.addmm_(rows.T, rows)
        return total


def _losses(P: Tensor, Q: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(P)
    rotated = (vectors.mT @ Q @ vectors).diagonal(dim1=1, dim2=2)
    left = (1 - values).clamp_min(torch.finfo(P.dtype).eps)
    return torch.sum(rotated / left, 1)


def _traces(matrices: Tensor) -> Tensor:
    return torch.einsum("nii->n", matrices)


def _cholesky(A: Tensor) -> Tensor:
    """Return L with A = LLᵀ; where rounding has eaten the ridge, of a slightly larger A."""
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(A)
    more = torch.finfo(A.dtype).eps * float(A.diagonal().sum())
    while failed:
        log.warning("The ridge is lost in the rounding of A: %.1e is added to its diagonal.", more)
        factor, failed = torch.linalg.cholesky_ex(A + more * torch.eye(len(A)).to(A))
        more *= 10
    return factor
