"""Fisher information of a pool and of what is labelled, and how a pick changes it.

Per candidate n with X_n (C, d), two small matrices are kept up to date:

    P_n = X_n A⁻¹ X_nᵀ        Q_n = X_n A⁻¹ I_U A⁻¹ X_nᵀ        (C, C)

Adding s turns A into A + X_sᵀX_s. With S = (I + P_s)⁻¹ = RRᵀ, W = Rᵀ X_s A⁻¹ (C, d) and the
Woodbury identity, A⁻¹ becomes A⁻¹ − WᵀW, so that with B = X_n Wᵀ and E = X_n Uᵀ

    P_n ← P_n − BBᵀ        Q_n ← Q_n − BEᵀ − EBᵀ        U = W I_U A⁻¹ − ½ (W I_U Wᵀ) W

(kept as Q_n − 2BEᵀ: what is asked of Q_n, traces of its products with symmetric matrices, is the same)
where A⁻¹ is the one before the pick. Removing s: S = (I − P_s)⁻¹, all four signs turned. That is
O(N C² d) a step instead of O(N C d²). With H = A⁻¹ I_U A⁻¹, W I_U A⁻¹ is Rᵀ X_s H and W I_U Wᵀ is
Rᵀ (X_s H X_sᵀ) R, so that a step needs X_s A⁻¹ and X_s H alone (`inverse.py`).

Differences lose digits: where these could decide a pick, P and Q are computed afresh from A.
"""

import math

import torch
from torch import Tensor

from fishermask_backend.fisher.accumulated import Accumulated
from fishermask_backend.fisher.inverse import Inverse
from fishermask_backend.fisher.operators import PASS_BYTES, Factors, sandwiched
from fishermask_backend.fisher.scoring import marginal_losses
from fishermask_backend.fisher.shards import Shards

PRECISION = 1e-10  # of gains, relative to the largest
ROUNDING = 10 * torch.finfo(torch.float64).eps  # of a matrix product, relative to its largest term
WEIGHED = 1e3  # of A, up to which A⁻¹ I_U A⁻¹ is kept: its errors grow with the square
EXPLICIT = 1e5  # of A, up to which P and Q may be had from the inverse, without triangular solves
DRIFT = 1e6  # growth of the inverse's errors by removals; picks make them smaller
NOTHING = 1e-13  # an eigenvalue of P_s: such a direction changes a P_n by less than this part of it


class Information:
    """A, I_U and every candidate's P and Q, through picks and removals.

    Of a pool that is shared out among processes, each has A and I_U whole, and P and Q of its own
    candidates.

    Attributes:
        candidates: Indices (M,) of the images that may be picked, ascending, on the CPU.
        pool_fisher: I_U (d, d).
        P: (M, C, C).
        Q: (M, C, C), but for an antisymmetric part, which no gain and no loss sees.
    """

    def __init__(
        self,
        factors: Factors,
        labelled: Tensor,
        candidates: Tensor,
        *,
        total: int,
        scale: float,
        ridge: float,
        shards: Shards,
        target: Tensor | None = None,
    ) -> None:
        """Set up A = λI + Σ over labelled of VᵀV/(L + K).

        Args:
            factors: V (N, C, d) of this process's part of the pool.
            labelled: Ascending indices (L,).
            candidates: Ascending indices (M,).
            total: L + K, over all parts of the pool.
            scale: Weight of a pick, X = scale · V.
            ridge: λ.
            shards: The other parts.
            target: What each image counts in I_U (N,), ≥ 0; None: all the same.

        Raises:
            ValueError: A factor is not finite.
        """
        self._factors, self._scale, self.candidates = factors, scale, candidates.cpu()
        self._shards = shards
        self.pool_fisher = shards.sum(factors.gram(torch.arange(len(factors)), target))
        if target is None:
            self.pool_fisher /= max(sum(shards.counts(len(factors), self.pool_fisher)), 1)
        else:
            weight = shards.sum(target.sum())
            if not weight > 0:
                raise ValueError("target must not be 0 for all images.")
            self.pool_fisher /= weight
        if not torch.isfinite(self.pool_fisher).all():
            which = self._not_finite()
            raise ValueError(f"The factors of {which} are not finite: check the model.")
        self._A = Accumulated(shards.sum(factors.gram(labelled.cpu())) / total, ridge)
        self._peak_P, self._peak_Q = self.pool_fisher.new_zeros((2, len(candidates)))
        self._open, self._places = factors.at_hand(self.candidates)
        M, C = len(candidates), factors.shape[1]
        self._PQ = self.pool_fisher.new_empty((M, C, 2 * C))
        self.P, self.Q = self._PQ[:, :, :C], self._PQ[:, :, C:]
        self._start_afresh()

    def losses(self, places: list[int]) -> Tensor:
        """Return tr[Q (I − P)⁻¹] of picked candidates: what the objective rises by without each."""
        losses = marginal_losses(self.P[places], self.Q[places])
        smallest = float(losses.min()) if places else math.inf
        if self.restore(-self._shards.largest(-smallest, losses)):
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
            return self._shards.sum(self.pool_fisher.new_zeros(self._factors.shape[1:]))
        V = self._factors.rows(self.candidates[place : place + 1])[0]
        return self._shards.sum(V * self._scale)

    def _step(self, place: int | None, sign: float) -> None:
        X = self._factor(place)
        image = None if place is None else self.candidates[place : place + 1]
        self._A.add(X, sign)
        XH = None
        if self._inverse.has_weighed and self._A.condition < WEIGHED:
            XA, XH = self._inverse.times_both(X, image, self._scale)
        else:
            XA = self._inverse.times(X, image, self._scale)
        values, vectors = torch.linalg.eigh(XA @ X.T)
        growth = 1 + sign * values
        self._drift *= max(float(growth.min()), 1e-99) ** -2 if sign < 0 else 1.0
        if self._drift > DRIFT or self._A.ill_conditioned():
            self._start_afresh()
            return
        something = values > NOTHING  # a softmax's rows tell one direction less than they are
        if not something.any():
            return
        R = (vectors * growth.rsqrt())[:, something]
        if XH is None:
            XH = self._inverse.times(XA @ self.pool_fisher)
        W = R.T @ XA
        U = R.T @ XH - sign / 2 * (R.T @ (XH @ X.T) @ R) @ W
        self._update(W, U, sign)
        self._inverse.change(W, U, sign)
        self._peak_P = torch.maximum(self._peak_P, traces(self.P))
        self._peak_Q = torch.maximum(self._peak_Q, traces(self.Q))

    def _update(self, W: Tensor, U: Tensor, sign: float) -> None:
        """Take sign · BBᵀ from every P and sign · 2BEᵀ, the same but for symmetry, from every Q.

        Rows of W and U come in turns, so that B and [Bᵀ, 2Eᵀ] are views of what `products` gives, and
        both differences one product.
        """
        r, C = len(W), self._factors.shape[1]
        both = torch.stack([W, 2 * U], 1).flatten(0, 1) * self._scale

        def update(part: slice, products: Tensor) -> None:
            right = products.view(-1, r, 2 * C)
            self._PQ[part].baddbmm_(right[:, :, :C].mT, right, alpha=-sign)

        self._open.products(self._places, both, update)

    @property
    def inverse(self) -> Tensor:
        """A⁻¹ (d, d) as it is now."""
        return self._inverse.inverse

    def restore(self, decisive: float) -> bool:
        """Compute afresh what has lost digits that matter beside a decisive gain."""
        lost_P = (traces(self.P) < 0.1 * self._peak_P) & (ROUNDING * self._peak_P > PRECISION)
        lost_Q = traces(self.Q) < 0.1 * self._peak_Q
        lost_Q &= ROUNDING * self._peak_Q > PRECISION * decisive
        places = (lost_P | lost_Q).nonzero().flatten().cpu()
        if len(places):
            self._solve(places)
            self._note_peaks(places)
        return len(places) > 0

    def _start_afresh(self) -> None:
        """Compute A⁻¹ and every P and Q from A."""
        inverse = torch.cholesky_inverse(self._A.cholesky())
        weighed = None
        if self._A.condition < (EXPLICIT if self._factors.structured else WEIGHED):
            weighed = sandwiched(self.pool_fisher, inverse)
        own = self._factors if self._shards.size == 1 else None  # else all must round alike
        lasting = weighed if self._A.condition < WEIGHED else None
        self._inverse = Inverse(inverse, lasting, own)
        self._drift = 1.0
        if weighed is not None and self._factors.structured:
            for into, S in ((self.P, inverse), (self.Q, weighed)):
                torch.mul(self._open.blocks(self._places, S), self._scale**2, out=into)
        else:
            self._solve(torch.arange(len(self.candidates)))
        self._note_peaks(torch.arange(len(self.candidates)))

    def _solve(self, places: Tensor) -> None:
        """Compute P = YYᵀ and Q = Y H Yᵀ with A = LLᵀ, Y = X L⁻ᵀ, H = L⁻¹ I_U L⁻ᵀ."""
        L = self._A.cholesky()
        half = torch.linalg.solve_triangular(L, self.pool_fisher, upper=False)
        H = torch.linalg.solve_triangular(L, half.T, upper=False)
        _, C, d = self._factors.shape

        def compute(part: slice, images: Tensor) -> None:
            X = self._factors.rows(images).flatten(0, 1) * self._scale
            Y = torch.linalg.solve_triangular(L.T, X, upper=True, left=False)
            Z = (Y @ H).view(-1, C, d)
            Y = Y.view_as(Z)
            self.P[places[part]], self.Q[places[part]] = Y @ Y.mT, Z @ Y.mT

        self._factors.over(self.candidates[places], PASS_BYTES, 8 * C * d, compute)

    def _note_peaks(self, places: Tensor) -> None:
        self._peak_P[places] = traces(self.P[places])
        self._peak_Q[places] = traces(self.Q[places])

    def _not_finite(self) -> str:
        """Name an image whose factors are not finite."""
        for n in range(len(self._factors)):
            if not torch.isfinite(self._factors.rows(torch.tensor([n]))).all():
                return f"image {n}"
        return "an image of another process"


def traces(matrices: Tensor) -> Tensor:
    """Return the trace of each of some matrices (n, C, C), (n,)."""
    return torch.einsum("nii->n", matrices)
