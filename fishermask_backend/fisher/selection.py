"""Which images to label next."""

import math
from collections.abc import Callable, Sequence
from itertools import repeat
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from fishermask_backend.fisher.greedy import greedy
from fishermask_backend.fisher.information import Information
from fishermask_backend.fisher.joint import JointInformation
from fishermask_backend.fisher.operators import Factors, as_factors
from fishermask_backend.fisher.parts import Explained, Known, Parts
from fishermask_backend.fisher.pool import checked, checked_target, within
from fishermask_backend.fisher.scoring import PoolScorer, score_new
from fishermask_backend.fisher.shards import Shards

PickWeight = Literal["batch", "sample"]

CHUNK_IMAGES = 1024  # scored at a time


class Selection(NamedTuple):
    """A batch in pick order, and the gains of the rest.

    Attributes:
        indices: Pool indices (K,), fewer if fewer are unlabelled. With shards these are counted over
            all of them, by rank.
        gains: How much each pick lowered the objective tr[A⁻¹ I_U] when it was made, (K,) float64.
        remaining: Marginal gain of each image after the batch, (N,) float64; −inf for labelled and
            picked images, which are no candidates. With shards, of this process's images.
        scorer: What `score_new` needs to put images that come later on the scale of `remaining`.
    """

    indices: Tensor
    gains: Tensor
    remaining: Tensor
    scorer: PoolScorer


class JointSelection(NamedTuple):
    """A batch for several heads, as `Selection` is one for one; each head has a scorer of its own.

    Attributes:
        indices: See `Selection`, as the two that follow.
        gains: Of the picks.
        remaining: Of the others.
        scorers: Of each head.
        parts: What the gains are products of; with shards, `left` is of this process's images.
    """

    indices: Tensor
    gains: Tensor
    remaining: Tensor
    scorers: tuple[PoolScorer, ...]
    parts: Parts


def select_batch(
    pool: Tensor | Factors,
    labelled: Tensor,
    batch_size: int,
    *,
    ridge: float = 1.0,
    backward_steps: float = 0.0,
    pick_weight: PickWeight = "batch",
    pool_limit: int | None = None,
    seed: int = 0,
    shards: Shards | None = None,
    target: Tensor | None = None,
    on_pick: Callable[[int, int], None] = lambda _done, _of: None,
) -> Selection:
    """Pick the images whose labels lower tr[A⁻¹ I_U] most, one after the other.

    I_U is the mean Fisher matrix of the pool, A = λI + Σ over labelled of VᵀV/(L + K) grows by
    XᵀX with each pick (BAIT: Ash et al., arXiv 2106.09675, algorithm 1). A pick is the unlabelled
    image of largest tr[X A⁻¹ I_U A⁻¹ Xᵀ (I + X A⁻¹ Xᵀ)⁻¹], which is exactly what it lowers the
    objective by. With backward steps b, ⌊(b + 1)K⌋ are picked and then those whose loss raises
    the objective least are taken back until K are left.

    Args:
        pool: V (N, C, d) of all images: a tensor of any floating dtype, or what stands for one. The
            arithmetic is in float64.
        labelled: (N,) bool.
        batch_size: K.
        ridge: λ, above 0.
        backward_steps: b.
        pick_weight: X = √(K/(L + K)) V («batch», as published: a pick weighs K labelled images) or
            X = √(1/(L + K)) V («sample»: it weighs as one).
        pool_limit: At most so many unlabelled images, drawn at random, may be picked; the others
            count in I_U and are scored after the batch. None: all may.
        seed: Of that draw.
        shards: The other processes, where each holds a part of the pool in `pool` and `labelled`;
            all call this function with the same options. None: this one holds all.
        target: What each image counts in I_U (N,), ≥ 0, of any scale; None: all the same.
        on_pick: Called with the picks made so far, and of how many: before the pool is looked at, when
            picking begins, and after each.

    Returns:
        The selection. Of equal gains the lower index wins.

    Raises:
        ValueError: Shapes or options do not fit, or a factor is not finite.
    """
    found = select_jointly(
        [pool],
        [labelled],
        batch_size,
        ridge=ridge,
        backward_steps=backward_steps,
        pick_weight=pick_weight,
        pool_limit=pool_limit,
        seed=seed,
        shards=shards,
        targets=None if target is None else [target],
        on_pick=on_pick,
    )
    return Selection(found.indices, found.gains, found.remaining, *found.scorers)


def select_jointly(
    pools: Sequence[Tensor | Factors],
    labelled: Sequence[Tensor],
    batch_size: int,
    *,
    ridge: float = 1.0,
    backward_steps: float = 0.0,
    pick_weight: PickWeight = "batch",
    pool_limit: int | None = None,
    seed: int = 0,
    shards: Shards | None = None,
    targets: Sequence[Tensor] | None = None,
    known: Sequence[Known] | None = None,
    on_pick: Callable[[int, int], None] = lambda _done, _of: None,
) -> JointSelection:
    """Do what `select_batch` does for several heads at once: a pick's gain is the sum of theirs.

    The heads share no masked parameter (`joint.py`). An image that is labelled for some of them alone
    counts in their A, and is no candidate. L is the number of images that are labelled for any.

    Args:
        pools: V (N, C, d) of the same N images for each head, C and d its own.
        labelled: (N,) bool of each head.
        batch_size: K.
        ridge: See `select_batch`, as all that follow.
        backward_steps: b.
        pick_weight: What a pick weighs.
        pool_limit: Candidates.
        seed: Of their draw.
        shards: The other processes.
        targets: `target` of each head.
        known: Of each head, what its images' gains are explained by (`parts.py`); None: all are as
            uncertain, and no class is rare.
        on_pick: Told of each pick.

    Raises:
        ValueError: Shapes or options do not fit, or a factor is not finite.
    """
    heads = [as_factors(pool) for pool in pools]
    of_heads = [
        checked(factors, own, batch_size, ridge, backward_steps).cpu()
        for factors, own in zip(heads, labelled, strict=True)
    ]
    if pick_weight not in ("batch", "sample"):
        raise ValueError(f"pick_weight={pick_weight!r} is unknown: use 'batch' or 'sample'.")
    size, device, shards = len(heads[0]), heads[0].device, shards or Shards()
    here, some = torch.empty(0, device=device), torch.stack(of_heads).any(0)
    candidates, others = within((~some).nonzero().flatten(), pool_limit, seed, shards, here)
    start = sum(shards.counts(size, here)[: shards.rank])
    total = max(sum(shards.counts(int(some.sum()), here)) + batch_size, 1)
    scale = math.sqrt(1.0 / total * (batch_size if pick_weight == "batch" else 1))
    on_pick(0, batch_size)
    weights = [checked_target(*each) for each in zip(targets or repeat(None), heads, strict=False)]
    parts = [
        Information(
            factors, own.nonzero().flatten(), candidates,
            total=total, scale=scale, ridge=ridge, shards=shards, target=target,
        )
        for factors, own, target in zip(heads, of_heads, weights, strict=True)
    ]  # fmt: skip
    information = JointInformation(parts, shards)
    explained = Explained(known or [Known.alike(size)] * len(heads), parts, shards)
    picked, gains = greedy(
        information, candidates + start, batch_size, backward_steps, shards, device, on_pick,
        explained,
    )  # fmt: skip
    scorers = tuple(_scorer(part, scale) for part in parts)
    left = information.gains()
    found = explained.parts([*picked], left, size)
    left[[place for place in picked.values() if place is not None]] = -torch.inf
    remaining = torch.full((size,), -torch.inf, dtype=torch.float64, device=device)
    remaining[candidates] = left
    for part in torch.split(others, CHUNK_IMAGES):
        own = [score_new(s, factors[part]) for s, factors in zip(scorers, heads, strict=True)]
        remaining[part] = torch.stack(own).sum(0)
    indices = torch.tensor([*picked], dtype=torch.int64, device=device)
    return JointSelection(indices, left.new_tensor(gains), remaining, scorers, found)


def _scorer(information: Information, scale: float) -> PoolScorer:
    inverse = information.inverse
    return PoolScorer(inverse, information.pool_fisher, inverse.new_tensor(scale))


def selection_bytes(images: int, rows: int, mask_size: int) -> int:
    """Return the bytes of memory that `select_batch` takes at its peak beside the factors.

    16·N·C² + 56·d²: P and Q of each image, and seven d×d matrices. Chunks in work come on top, some
    hundred MB at most.

    Args:
        images: N.
        rows: C, or what `top_classes` leaves of it.
        mask_size: d.
    """
    return 16 * images * rows**2 + 56 * mask_size**2
