"""Why an image stands where it stands in an order: in what it stands out among the pool.

FisherMask's gain is a product (`fisher/parts.py`), and an image that is picked is seldom outstanding in
every part of it. Which parts are, is told by rank: the share of the pool of which the part is less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor

from fishermask_backend.fisher import PARTS

EXPLAINED = 1000  # images of an order, the first: no queue is longer
STANDS_OUT = 0.75  # of the pool, at least, has less of what an image is said to stand out in
MOST = 2  # parts that are told of an image
RARE = 2.0  # at least, what a rare class counts: in an even pool some class is always the rarest

UNCERTAIN = PARTS[0]
COMPARED = PARTS[:-1]  # the last says what of the others is used up by one label


class StoredReason(TypedDict):
    """A reason, as the database keeps it."""

    part: str
    value: float
    above: float


@dataclass(frozen=True)
class Reason:
    """A part of its gain in which an image stands out.

    Attributes:
        part: One of PARTS.
        value: What it is.
        above: The share of the images it was chosen from of which it is less, in [0, 1].
    """

    part: str
    value: float
    above: float

    def stored(self) -> StoredReason:
        """Return it as the database keeps it."""
        return {"part": self.part, "value": float(f"{self.value:.4g}"), "above": self.above}


Reasons = Mapping[int, Sequence[Reason]]  # by the image's place in the pool


def outstanding(
    images: Tensor, values: Tensor, above: Tensor, parts: Sequence[str] = COMPARED
) -> dict[int, tuple[Reason, ...]]:
    """Return the parts in which each image stands out, the most outstanding first; perhaps none.

    Args:
        images: Places in the pool (n,).
        values: Of each part (n, parts).
        above: Which share of the pool has less of it (n, parts).
        parts: What they are called.
    """
    found = {}
    rows = zip(images.tolist(), values.tolist(), above.tolist(), strict=True)
    for image, own, shares in rows:
        # An even pool's rarest class is no rare class.
        reasons = [
            Reason(*each)
            for each in zip(parts, own, shares, strict=True)
            if each[2] >= STANDS_OUT and (each[0] != "rare" or each[1] >= RARE)
        ]
        found[image] = tuple(sorted(reasons, key=lambda reason: -reason.above)[:MOST])
    return found


def shares_below(values: Tensor, pool: Tensor) -> Tensor:
    """Return which share of a pool (m, parts) is less than each value (n, parts)."""
    edges = (values * (1 - torch.finfo(torch.float32).eps)).T.contiguous()
    ordered = pool.T.contiguous().sort().values
    return torch.searchsorted(ordered, edges).T / max(len(pool), 1)
