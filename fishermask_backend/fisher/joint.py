"""Several heads that share no masked parameter: the images whose labels tell most about all.

Where labels of different heads are independent given the image, and no parameter is of two heads, the
Fisher matrix of all heads together is block diagonal, a block each. So are A and I_U, and

    tr[A⁻¹ I_U] = Σ_h tr[A_h⁻¹ I_U,h]

Every head's P and Q are kept by themselves (`information.py`), and a pick lowers the objective by the
sum of what it lowers each head's by.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from fishermask_backend.fisher.information import Information
from fishermask_backend.fisher.scoring import leading_gains, marginal_gains
from fishermask_backend.fisher.shards import Shards


class JointInformation:
    """The information of one head or several with the same candidates."""

    def __init__(self, parts: Sequence[Information], shards: Shards) -> None:
        """Take the heads' information, each over the same images.

        Args:
            parts: Of each head.
            shards: The other processes.
        """
        self._parts, self._shards = parts, shards

    def gains(self) -> Tensor:
        """Return every candidate's marginal gain (M,)."""
        gains = self._gains()
        return self._gains() if self._restore_beside(gains) else gains

    def leading_gains(self, open_: Tensor) -> Tensor:
        """Return marginal gains (M,) of the candidates that may have the largest.

        Args:
            open_: (M,) bool, which may still be picked.

        Returns:
            −inf for those that are not open, and for those whose bound lies below the largest gain.
        """
        gains = self._leading(open_)
        return self._leading(open_) if self._restore_beside(gains) else gains

    def losses(self, places: list[int]) -> Tensor:
        """Return what the objective rises by without each of some picked candidates."""
        return torch.stack([part.losses(places) for part in self._parts]).sum(0)

    def add(self, place: int | None) -> None:
        """Label candidate number `place`; None if it is another process's."""
        for part in self._parts:
            part.add(place)

    def remove(self, place: int | None) -> None:
        """Take it back."""
        for part in self._parts:
            part.remove(place)

    def _gains(self) -> Tensor:
        return torch.stack([marginal_gains(part.P, part.Q) for part in self._parts]).sum(0)

    def _leading(self, open_: Tensor) -> Tensor:
        return leading_gains([(part.P, part.Q) for part in self._parts], open_)

    def _restore_beside(self, gains: Tensor) -> bool:
        """Compute afresh, of every head, what has lost digits that matter beside the largest gain."""
        largest = float(gains.max()) if len(gains) else -math.inf
        decisive = self._shards.largest(largest, gains)
        restored = [part.restore(decisive) for part in self._parts]
        return any(restored)
