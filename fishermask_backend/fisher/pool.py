"""What a selection is given: is it whole, and which of its images may be picked."""

import logging
import math

import torch
from torch import Tensor

from fishermask_backend.fisher.operators import Factors
from fishermask_backend.fisher.shards import Shards

log = logging.getLogger(__name__)


def within(
    unlabelled: Tensor, limit: int | None, seed: int, shards: Shards, like: Tensor
) -> tuple[Tensor, Tensor]:
    """Split the unlabelled into those that may be picked and those that are only scored."""
    counts = shards.counts(len(unlabelled), like)
    total, before = sum(counts), sum(counts[: shards.rank])
    if limit is None or total <= limit:
        return unlabelled, unlabelled[:0]
    if limit < 1:
        raise ValueError(f"pool_limit={limit} must be at least 1.")
    order = torch.randperm(total, generator=torch.Generator().manual_seed(seed))
    log.info(
        "pool_limit: %d of %d unlabelled images, drawn with seed %d, are candidates; the others "
        "are scored after the batch.", limit, total, seed,
    )  # fmt: skip
    drawn = torch.zeros(total, dtype=torch.bool).index_fill(0, order[:limit], True)
    own = drawn[before : before + len(unlabelled)]
    return unlabelled[own], unlabelled[~own]


def checked(
    pool: Factors, labelled: Tensor, batch_size: int, ridge: float, backward_steps: float
) -> Tensor:
    """Return which images are labelled.

    Raises:
        ValueError: It does not fit the pool, or an option is out of range.
    """
    if labelled.dtype != torch.bool or labelled.shape != pool.shape[:1]:
        raise ValueError(
            f"labelled must be ({len(pool)},) of type bool, it is {tuple(labelled.shape)} "
            f"{labelled.dtype}."
        )
    if batch_size < 0 or backward_steps < 0:
        raise ValueError(
            f"batch_size={batch_size} and backward_steps={backward_steps} must not be negative."
        )
    if not (ridge > 0 and math.isfinite(ridge)):
        raise ValueError(f"ridge={ridge} must be a finite number above 0.")
    return labelled


def checked_target(target: Tensor | None, pool: Factors) -> Tensor | None:
    """Return what each image counts in I_U, on the device of the factors.

    Raises:
        ValueError: It does not fit the pool, or holds a number that is negative or not finite.
    """
    if target is None:
        return None
    if target.shape != pool.shape[:1]:
        raise ValueError(f"target must be ({len(pool)},), it is {tuple(target.shape)}.")
    bad = (~(target.isfinite() & (target >= 0))).nonzero().flatten()
    if len(bad):
        raise ValueError(
            f"target[{int(bad[0])}]={float(target[bad[0]])} must be a finite number, 0 or above."
        )
    return target.to(pool.device, torch.float64)
