"""A⁻¹ and A⁻¹ I_U A⁻¹ through picks and removals, without touching the whole of either at each of them.

A pick changes both by matrices of low rank,

    A⁻¹ ← A⁻¹ − s WᵀW        H = A⁻¹ I_U A⁻¹ ← H − s (WᵀU + UᵀW)

with W and U (r, d) of `information.py` and s = 1, or −1 for a removal. Both are kept as they were at
the start, beside all W and U since: what a step asks for is only X A⁻¹ and X H of one image.
"""

import torch
from torch import Tensor

from fishermask_backend.fisher.operators import Factors


class Inverse:
    """A⁻¹ and H = A⁻¹ I_U A⁻¹, both (d, d) and symmetric."""

    def __init__(self, inverse: Tensor, weighed: Tensor | None, factors: Factors | None) -> None:
        """Take both as they are now.

        Args:
            inverse: A⁻¹.
            weighed: H; None: nobody will ask for it.
            factors: Those whose images are asked about; None: others may be, too.
        """
        self._factors = factors
        self._order = factors.order if factors is not None else None
        self._W = self._U = inverse.new_zeros((0, len(inverse)))
        self._signs = inverse.new_zeros(0)
        self._start(inverse, weighed)

    @property
    def has_weighed(self) -> bool:
        """Whether H may be asked for."""
        return self._weighed is not None

    def times(self, X: Tensor, image: Tensor | None = None, scale: float = 1.0) -> Tensor:
        """Return X A⁻¹ (r, d).

        Args:
            X: (r, d).
            image: Where X is an image's, scale · V, its index (1,).
            scale: See there.
        """
        XA = self._product(X, image, scale, self._inverse)
        return XA.addmm_(X @ self._W.T * self._signs, self._W, alpha=-1)

    def times_weighed(self, X: Tensor, image: Tensor | None = None, scale: float = 1.0) -> Tensor:
        """Return X H (r, d), the arguments those of `times`."""
        assert self._weighed is not None
        by_W, by_U = (X @ other.T * self._signs for other in (self._W, self._U))
        XH = self._product(X, image, scale, self._weighed)
        return XH.addmm_(by_W, self._U, alpha=-1).addmm_(by_U, self._W, alpha=-1)

    def change(self, W: Tensor, U: Tensor, sign: float) -> None:
        """Note a step: W and U (r, d), and s."""
        self._W, self._U = torch.cat([self._W, W]), torch.cat([self._U, U])
        self._signs = torch.cat([self._signs, self._signs.new_full((len(W),), sign)])
        if len(self._W) > len(self._inverse):  # more than the matrices themselves
            weighed = self._weighed
            if weighed is not None:
                both = (self._W * self._signs.unsqueeze(1)).T @ self._U
                weighed = self._as_given(weighed).sub_(both).sub_(both.T)
            self._start(self.inverse, weighed)

    @property
    def inverse(self) -> Tensor:
        """A⁻¹ (d, d): d² multiply-adds for each row of a W since the start."""
        signed = self._W * self._signs.unsqueeze(1)
        return self._as_given(self._inverse).addmm_(signed.T, self._W, alpha=-1)

    def _start(self, inverse: Tensor, weighed: Tensor | None) -> None:
        order = self._order
        self._inverse = inverse if order is None else inverse[order]
        self._weighed = weighed if order is None or weighed is None else weighed[order]
        self._W, self._U, self._signs = self._W[:0], self._U[:0], self._signs[:0]

    def _product(self, X: Tensor, image: Tensor | None, scale: float, kept: Tensor) -> Tensor:
        if image is not None and self._factors is not None:
            return self._factors.times(image, kept) * scale
        return (X if self._order is None else X[:, self._order]) @ kept

    def _as_given(self, kept: Tensor) -> Tensor:
        """Return a copy of a matrix with its rows where they were."""
        return kept.clone() if self._order is None else kept[torch.argsort(self._order)]
