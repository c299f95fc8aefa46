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
        self._since = inverse.new_empty((16, 2, len(inverse)))  # rows of W and U, and room for more
        self._signs = inverse.new_empty(len(self._since))
        self._count = 0
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
        (XA,) = self._products(X, image, scale, [self._inverse])
        W = self._since[: self._count, 0]
        return XA.addmm_(X @ W.T * self._signs[: self._count], W, alpha=-1)

    def times_both(
        self, X: Tensor, image: Tensor | None = None, scale: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Return X A⁻¹ and X H, both (r, d), the arguments those of `times`."""
        assert self._weighed is not None
        XA, XH = self._products(X, image, scale, [self._inverse, self._weighed])
        since = self._since[: self._count]
        rows = since.flatten(0, 1)
        by = (X @ rows.T).view(len(X), -1, 2) * self._signs[: self._count, None]
        XA.addmm_(by[:, :, 0], since[:, 0], alpha=-1)
        XH.addmm_(by.flip(2).flatten(1), rows, alpha=-1)
        return XA, XH

    def change(self, W: Tensor, U: Tensor, sign: float) -> None:
        """Note a step: W and U (r, d), and s."""
        stop = self._count + len(W)
        if stop > len(self._signs):
            self._since, self._signs = (
                torch.cat([old, torch.empty_like(old), new.new_empty((len(W), *old.shape[1:]))])
                for old, new in ((self._since, W), (self._signs, W))
            )
        self._since[self._count : stop] = torch.stack([W, U], 1)
        self._signs[self._count : stop] = sign
        self._count = stop
        if stop > len(self._inverse):  # more than the matrices themselves
            weighed = self._weighed
            if weighed is not None:
                W, U = self._since[:stop].unbind(1)
                both = (W * self._signs[:stop, None]).T @ U
                weighed = self._as_given(weighed).sub_(both).sub_(both.T)
            self._start(self.inverse, weighed)

    @property
    def inverse(self) -> Tensor:
        """A⁻¹ (d, d): d² multiply-adds for each row of a W since the start."""
        W = self._since[: self._count, 0]
        signed = W * self._signs[: self._count, None]
        return self._as_given(self._inverse).addmm_(signed.T, W, alpha=-1)

    def _start(self, inverse: Tensor, weighed: Tensor | None) -> None:
        order = self._order
        self._inverse = inverse if order is None else inverse[order]
        self._weighed = weighed if order is None or weighed is None else weighed[order]
        self._count = 0

    def _products(
        self, X: Tensor, image: Tensor | None, scale: float, kept: list[Tensor]
    ) -> list[Tensor]:
        if image is not None and self._factors is not None:
            return [product.mul_(scale) for product in self._factors.times(image, kept)]
        X = X if self._order is None else X[:, self._order]
        return [X @ matrix for matrix in kept]

    def _as_given(self, kept: Tensor) -> Tensor:
        """Return a copy of a matrix with its rows where they were."""
        return kept.clone() if self._order is None else kept[torch.argsort(self._order)]
