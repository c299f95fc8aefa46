"""Why an image stands where it stands in an order: in what it stands out among the pool.

FisherMask's gain is a product (`fisher/parts.py`), and an image that is picked is seldom outstanding in
every part of it. Which parts are, is told by rank: the share of the pool of which the part is less.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fishermask_backend.fisher import PARTS

EXPLAINED = 1000  # images of an order, the first: no queue is longer
# Parts that are told of an image: which share of the pool, at least, has less of the first, and so on.
STANDS_OUT = (0.5, 0.75)
RARE = 2.0  # at least, what a rare class counts: in an even pool some class is always the rarest

UNCERTAIN = PARTS[0]
COMPARED = PARTS[:-1]  # the last says what of the others is used up by one label


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
        reasons = [Reason(*each) for each in zip(parts, own, shares, strict=True)]
        known = sorted(filter(_counts, reasons), key=lambda reason: -reason.above)
        pairs = zip(known, STANDS_OUT, strict=False)
        found[image] = tuple(reason for reason, least in pairs if reason.above >= least)
    return found


def _counts(reason: Reason) -> bool:
    """Say whether a part may be a reason: an even pool's rarest class is no rare class."""
    return reason.part != "rare" or reason.value >= RARE


def shares_below(values: Tensor, pool: Tensor) -> Tensor:
    """Return which share of a pool (m, parts) is less than each value (n, parts)."""
    edges = (values * (1 - torch.finfo(torch.float32).eps)).T.contiguous()
    ordered = pool.T.contiguous().sort().values
    return torch.searchsorted(ordered, edges).T / max(len(pool), 1)
