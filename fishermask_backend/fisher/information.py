"""Fisher information of a pool and of what is labelled, and how a pick changes it.

Per candidate n with X_n (C, d), two small matrices are kept up to date:

    P_n = X_n A⁻¹ X_nᵀ        Q_n = X_n A⁻¹ I_U A⁻¹ X_nᵀ        (C, C)

Adding s turns A into A + X_sᵀX_s. With S = (I + P_s)⁻¹ = RRᵀ, W = Rᵀ X_s A⁻¹ (C, d) and the
Woodbury identity, A⁻¹ becomes A⁻¹ − WᵀW, so that with B = X_n Wᵀ and E = X_n Uᵀ

    P_n ← P_n − BBᵀ        Q_n ← Q_n − BEᵀ − EBᵀ        U = W I_U A⁻¹ − ½ (W I_U Wᵀ) W

where A⁻¹ is the one before the pick. Removing s: S = (I − P_s)⁻¹, all four signs turned. That is
O(N C² d) a step instead of O(N C d²).

Differences of large numbers lose digits: where the lost ones could decide a pick, P and Q are
computed afresh from A.
"""

import logging
import math
from collections.abc import Callable

import torch
from torch import Tensor

from fishermask_backend.fisher.chunks import for_each_chunk
from fishermask_backend.fisher.scoring import marginal_gains, marginal_losses
from fishermask_backend.fisher.shards import Shards

log = logging.getLogger(__name__)

STEP_BYTES = 2**22  # of a pool in float64 at a time, in a step: what a processor's cache holds
PASS_BYTES = 2**26  # and in a pass whose matrix products are large
CUDA_BYTES = 2**28  # and at least on a CUDA device
GRAM_COLUMNS = 256
PRECISION = 1e-10  # of gains, relative to the largest
ROUNDING = 10 * torch.finfo(torch.float64).eps  # of a matrix product, relative to its largest term
CONDITION = 5e7  # of A, above which its inverse's errors decide picks
DRIFT = 1e6  # growth of the inverse's errors by removals; picks make them smaller


class Information:
    """A, I_U and every candidate's P and Q, through picks and removals.

    Of a pool that is shared out among processes, each has A and I_U whole, and P and Q of its own
    candidates.

    Attributes:
        candidates: Indices (M,) of the images that may be picked, ascending, on the CPU.
        inverse: A⁻¹ (d, d).
        pool_fisher: I_U (d, d).
        P: (M, C, C).
        Q: (M, C, C).
    """

    def __init__(
        self,
        V: Tensor,
        labelled: Tensor,
        candidates: Tensor,
        *,
        total: int,
        scale: float,
        ridge: float,
        shards: Shards,
    ) -> None:
        """Set up A = λI + Σ over labelled of VᵀV/(L + K).

        Args:
            V: (N, C, d) of this process's part of the pool.
            labelled: Ascending indices (L,).
            candidates: Ascending indices (M,).
            total: L + K, over all parts of the pool.
            scale: Weight of a pick, X = scale · V.
            ridge: λ.
            shards: The other parts.

        Raises:
            ValueError: A factor is not finite.
        """
        self._V, self._scale, self.candidates = V, scale, candidates.cpu()
        self._shards = shards
        images = sum(shards.counts(len(V), V))
        self.pool_fisher = self._gram(torch.arange(len(V))) / max(images, 1)
        if not torch.isfinite(self.pool_fisher).all():
            bad = [n for n, factor in enumerate(V) if not torch.isfinite(factor).all()]
            which = f"image {bad[0]}" if bad else "an image of another process"
            raise ValueError(f"The factors of {which} are not finite: check the model.")
        self._A = self._gram(labelled.cpu()) / total
        self._A.diagonal().add_(ridge)
        self._ridge = ridge
        self._warned = False
        self.P = self._A.new_zeros((len(candidates), V.shape[1], V.shape[1]))
        self.Q = torch.zeros_like(self.P)
        self._peak_P, self._peak_Q = self.P.new_zeros((2, len(candidates)))
        self._start_afresh()

    def gains(self) -> Tensor:
        """Return every candidate's marginal gain (M,)."""
        gains = marginal_gains(self.P, self.Q)
        largest = float(gains.max()) if len(gains) else -math.inf
        if self._restore(self._shards.largest(largest, gains)):
            return marginal_gains(self.P, self.Q)
        return gains

    def losses(self, places: list[int]) -> Tensor:
        """Return tr[Q (I − P)⁻¹] of picked candidates: what the objective rises by without each."""
        losses = marginal_losses(self.P[places], self.Q[places])
        smallest = float(losses.min()) if places else math.inf
        if self._restore(-self._shards.largest(-smallest, losses)):
            return marginal_losses(self.P[places], self.Q[places])
        return losses

    def add(self, place: int | None) -> None:
        """Label candidate number `place`; None if it is another process's."""
        self._step(place, 1.0)

    def remove(self, place: int | None) -> None:
        """Take it back."""
        self._step(place, -1.0)

    def _factor(self, place: int | None) -> Tensor:
        """Return X (C, d) of a candidate, wherever it is."""
        if place is None:
            return self._shards.sum(self._A.new_zeros(self._V.shape[1:]))
        return self._shards.sum(self._rows(self.candidates[place : place + 1]) * self._scale)

    def _step(self, place: int | None, sign: float) -> None:
        X = self._factor(place)
        XA = X @ self.inverse
        growth, vectors = torch.linalg.eigh(XA @ X.T)
        growth = 1 + sign * growth
        self._A.addmm_(X.T, X, alpha=sign)
        self._drift *= max(float(growth.min()), 1e-99) ** -2 if sign < 0 else 1.0
        if self._drift > DRIFT or self._ill_conditioned():
            self._start_afresh()
            return
        W = (vectors * growth.rsqrt()).T @ XA
        weighed = W @ self.pool_fisher
        U = weighed @ self.inverse - sign / 2 * (weighed @ W.T) @ W
        both = torch.cat([W, U]) * self._scale

        def update(rows: slice, V: Tensor) -> None:
            B, E = (both @ V.T).view(2, len(W), -1, len(X)).permute(0, 2, 3, 1)
            T, BB = B @ E.mT, B @ B.mT
            T = T + T.mT
            self.P[rows].sub_(BB, alpha=sign)
            self.Q[rows].sub_(T, alpha=sign)

        self._over(self.candidates, STEP_BYTES, update)
        self.inverse.addmm_(W.T, W, alpha=-sign)
        self._peak_P = torch.maximum(self._peak_P, _traces(self.P))
        self._peak_Q = torch.maximum(self._peak_Q, _traces(self.Q))

    def _ill_conditioned(self) -> bool:
        """Return whether A⁻¹ is too inexact to be updated; logged once."""
        condition = float(self._A.diagonal().max()) / self._ridge
        if condition < CONDITION:
            return False
        if not self._warned:
            log.warning(
                "The ridge λ = %.1e is small beside the information, %.1e: P and Q are computed "
                "afresh at every pick, which is slow. A larger ridge is fast.",
                self._ridge, condition * self._ridge,
            )  # fmt: skip
        self._warned = True
        return True

    def _restore(self, decisive: float) -> bool:
        """Compute afresh what has lost digits that matter beside a decisive gain."""
        lost_P = (_traces(self.P) < 0.1 * self._peak_P) & (ROUNDING * self._peak_P > PRECISION)
        lost_Q = _traces(self.Q) < 0.1 * self._peak_Q
        lost_Q &= ROUNDING * self._peak_Q > PRECISION * decisive
        places = (lost_P | lost_Q).nonzero().flatten().cpu()
        if len(places):
            self._compute(places)
        return len(places) > 0

    def _start_afresh(self) -> None:
        """Compute A⁻¹ and every P and Q from A."""
        self.inverse = torch.cholesky_inverse(_cholesky(self._A))
        self._drift = 1.0
        self._compute(torch.arange(len(self.candidates)))

    def _compute(self, places: Tensor) -> None:
        """Compute P = YYᵀ and Q = Y H Yᵀ with A = LLᵀ, Y = X L⁻ᵀ, H = L⁻¹ I_U L⁻ᵀ."""
        L = _cholesky(self._A)
        half = torch.linalg.solve_triangular(L, self.pool_fisher, upper=False)
        H = torch.linalg.solve_triangular(L, half.T, upper=False)

        def compute(rows: slice, V: Tensor) -> None:
            X = V * self._scale
            Y = torch.linalg.solve_triangular(L.T, X, upper=True, left=False)
            Z = (Y @ H).view(-1, *self._V.shape[1:])
            Y = Y.view_as(Z)
            self.P[places[rows]], self.Q[places[rows]] = Y @ Y.mT, Z @ Y.mT

        self._over(self.candidates[places], PASS_BYTES, compute)
        self._peak_P[places] = _traces(self.P[places])
        self._peak_Q[places] = _traces(self.Q[places])

    def _gram(self, indices: Tensor) -> Tensor:
        """Return Σ VᵀV (d, d) over some images; being symmetric, half of it is computed."""
        d = self._V.shape[2]
        total = torch.zeros((d, d), dtype=torch.float64, device=self._V.device)

        def add(_: slice, V: Tensor) -> None:
            for start in range(0, d, GRAM_COLUMNS):
                stop = start + GRAM_COLUMNS
                total[:stop, start:stop].addmm_(V[:, :stop].T, V[:, start:stop])

        self._over(indices, PASS_BYTES, add)
        total = self._shards.sum(total)
        return total.triu() + total.triu(1).T

    def _over(self, indices: Tensor, size: int, work: Callable[[slice, Tensor], None]) -> None:
        """Call work(slice of indices, their rows) for all of them, a chunk at a time."""
        if self._V.is_cuda:
            size = max(size, CUDA_BYTES)
        images = max(1, size // max(8 * self._V[:1].numel(), 1))
        for_each_chunk(
            len(indices),
            images,
            lambda start, stop: work(slice(start, stop), self._rows(indices[start:stop])),
        )

    def _rows(self, indices: Tensor) -> Tensor:
        """Return V of some images in float64, (n·C, d)."""
        first, last = int(indices[0]), int(indices[-1])
        in_a_row = last - first + 1 == len(indices)
        V = self._V[first : last + 1] if in_a_row else self._V[indices.to(self._V.device)]
        return V.flatten(0, 1).double()


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
