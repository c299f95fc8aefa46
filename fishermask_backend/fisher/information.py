"""Fisher information of a pool and of what is labelled, and how a pick changes it.

Per candidate n with X_n (C, d), two small matrices are kept up to date:

    P_n = X_n A⁻¹ X_nᵀ        Q_n = X_n A⁻¹ I_U A⁻¹ X_nᵀ        (C, C)

Adding s turns A into A + X_sᵀX_s. With S = (I + P_s)⁻¹ = RRᵀ, W = Rᵀ X_s A⁻¹ (C, d) and the
Woodbury identity, A⁻¹ becomes A⁻¹ − WᵀW, so that with B = X_n Wᵀ and E = X_n Uᵀ

    P_n ← P_n − BBᵀ        Q_n ← Q_n − BEᵀ − EBᵀ        U = W I_U A⁻¹ − ½ (W I_U Wᵀ) W

where A⁻¹ is the one before the pick. Removing s: S = (I − P_s)⁻¹, all four signs turned. That is
O(N C² d) a step instead of O(N C d²).
"""

from collections.abc import Iterator

import torch
from torch import Tensor

CHUNK_BYTES = 2**26  # of a pool in float64 at a time


class Information:
    """A, I_U and every candidate's P and Q, through picks and removals.

    Attributes:
        inverse: A⁻¹ (d, d).
        pool: I_U (d, d).
        P: (M, C, C) of the candidates.
        Q: (M, C, C) of the candidates.
    """

    def __init__(
        self, V: Tensor, labelled: Tensor, picks: float, scale: float, ridge: float
    ) -> None:
        """Set up A = λI + Σ over labelled of VᵀV/(L + K).

        Args:
            V: (N, C, d) of the whole pool.
            labelled: (N,) bool; the others are the candidates.
            picks: K, images to be picked.
            scale: Weight of a pick, X = scale · V.
            ridge: λ.
        """
        self._V, self._scale = V, scale
        self.candidates = (~labelled).nonzero().flatten()
        d = V.shape[2]
        L = int(labelled.sum())
        self.pool = self._gram(torch.arange(len(V), device=V.device)) / max(len(V), 1)
        A = self._gram(labelled.nonzero().flatten()) / max(L + picks, 1)
        A.diagonal().add_(ridge)
        self.inverse = torch.cholesky_inverse(torch.linalg.cholesky(A))
        C = V.shape[1]
        self.P = torch.zeros((len(self.candidates), C, C), dtype=A.dtype, device=V.device)
        self.Q = torch.zeros_like(self.P)
        both = torch.cat([self.inverse, self.sensitivity()], 1)
        for rows, X in self._chunks(self.candidates):
            left = (X.flatten(0, 1) @ both).view(len(X), C, 2, d)
            self.P[rows] = left[:, :, 0] @ X.mT * scale**2
            self.Q[rows] = left[:, :, 1] @ X.mT * scale**2

    def sensitivity(self) -> Tensor:
        """Return A⁻¹ I_U A⁻¹ (d, d)."""
        product = self.inverse @ self.pool @ self.inverse
        return (product + product.T) / 2

    def add(self, place: int) -> None:
        """Label candidate number `place`."""
        self._update(place, 1.0)

    def remove(self, place: int) -> None:
        """Take it back."""
        self._update(place, -1.0)

    def _update(self, place: int, sign: float) -> None:
        X = self._V[self.candidates[place]].double() * self._scale
        values, vectors = torch.linalg.eigh(self.P[place])
        R = vectors * (1 + sign * values).clamp_min(torch.finfo(values.dtype).eps).rsqrt()
        W = R.T @ X @ self.inverse
        weighed = W @ self.pool
        U = weighed @ self.inverse - sign / 2 * (weighed @ W.T) @ W
        both = torch.cat([W, U]) * self._scale
        for rows, V in self._chunks(self.candidates):
            B, E = torch.split(V @ both.T, len(W), 2)
            self.P[rows] -= sign * B @ B.mT
            T = B @ E.mT
            self.Q[rows] -= sign * (T + T.mT)
        self.inverse -= sign * W.T @ W

    def _chunks(self, places: Tensor) -> Iterator[tuple[slice, Tensor]]:
        """Yield slices of `places` with their V in float64."""
        _, C, d = self._V.shape
        size = max(1, CHUNK_BYTES // (8 * C * d))
        for start in range(0, len(places), size):
            rows = slice(start, min(start + size, len(places)))
            yield rows, self._V[places[rows]].double()

    def _gram(self, places: Tensor) -> Tensor:
        """Return Σ VᵀV (d, d) over some images."""
        d = self._V.shape[2]
        total = torch.zeros((d, d), dtype=torch.float64, device=self._V.device)
        for _, V in self._chunks(places):
            rows = V.flatten(0, 1)
            total.addmm_(rows.T, rows)
        return total
