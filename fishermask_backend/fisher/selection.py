"""Which images to label next."""

import logging
import math
from collections.abc import Callable
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from fishermask_backend.fisher.information import Information
from fishermask_backend.fisher.operators import Factors, as_factors
from fishermask_backend.fisher.scoring import PoolScorer, score_new
from fishermask_backend.fisher.shards import Shards

log = logging.getLogger(__name__)

PickWeight = Literal["batch", "sample"]

CHUNK_IMAGES = 1024  # scored at a time
TIE = 1e-9  # gains this close to the largest, relative to it, are equal: rounding decides nothing


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
        on_pick: Called with the picks made so far, and of how many, once before the pool is looked at
            and from then on after each.

    Returns:
        The selection. Of equal gains the lower index wins.

    Raises:
        ValueError: Shapes or options do not fit, or a factor is not finite.
    """
    factors = as_factors(pool)
    labelled = _checked(factors, labelled, batch_size, ridge, backward_steps).cpu()
    shards = shards or Shards()
    here = torch.empty(0, device=factors.device)
    known, unlabelled = labelled.nonzero().flatten(), (~labelled).nonzero().flatten()
    candidates, others = _within(unlabelled, pool_limit, seed, shards, here)
    start = sum(shards.counts(len(factors), here)[: shards.rank])
    total = max(sum(shards.counts(len(known), here)) + batch_size, 1)
    if pick_weight not in ("batch", "sample"):
        raise ValueError(f"pick_weight={pick_weight!r} is unknown: use 'batch' or 'sample'.")
    scale = math.sqrt(1.0 / total * (batch_size if pick_weight == "batch" else 1))
    on_pick(0, batch_size)
    information = Information(
        factors, known, candidates, total=total, scale=scale, ridge=ridge, shards=shards
    )
    picked, gains = _greedy(
        information, candidates + start, batch_size, backward_steps, shards, on_pick
    )
    inverse = information.inverse
    scorer = PoolScorer(inverse, information.pool_fisher, inverse.new_tensor(scale))
    left = information.gains()
    left[[place for place in picked.values() if place is not None]] = -torch.inf
    remaining = torch.full((len(factors),), -torch.inf, dtype=torch.float64, device=factors.device)
    remaining[candidates] = left
    for part in torch.split(others, CHUNK_IMAGES):
        remaining[part] = score_new(scorer, factors[part])
    indices = torch.tensor([*picked], dtype=torch.int64, device=factors.device)
    return Selection(indices, left.new_tensor(gains), remaining, scorer)


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


def _greedy(
    information: Information,
    indices: Tensor,
    batch_size: int,
    backward_steps: float,
    shards: Shards,
    on_pick: Callable[[int, int], None],
) -> tuple[dict[int, int | None], list[float]]:
    """Return the picks in their order, and their gains.

    Args:
        information: Of this process's candidates.
        indices: Their indices over all shards (M,), ascending.
        batch_size: K.
        backward_steps: b.
        shards: The other processes.
        on_pick: Told of each pick.

    Returns:
        Each pick's index over all shards, with its place among this process's candidates or None;
        and how much each lowered the objective.
    """
    open_ = information.P.new_ones(len(information.P), dtype=torch.bool)
    picked: dict[int, int | None] = {}
    gains: list[float] = []
    most = sum(shards.counts(len(indices), open_))
    forward = min(math.floor((backward_steps + 1) * batch_size), most)
    on_pick(0, forward)
    for _ in range(forward):
        now = information.leading_gains(open_)
        index, place = _first_largest(now, indices, shards)
        picked[index] = place
        gains.append(shards.largest(-math.inf if place is None else float(now[place]), now))
        if place is not None:
            open_[place] = False
        information.add(place)
        on_pick(len(picked), forward)
    while len(picked) > batch_size:
        ordered = sorted(picked)
        own = {i: place for i, index in enumerate(ordered) if (place := picked[index]) is not None}
        losses = information.pool_fisher.new_zeros(len(ordered))
        losses[[*own]] = information.losses([*own.values()])
        rises = -shards.sum(losses)
        worst = ordered[int(_near(rises, float(rises.max())).nonzero()[0])]
        del gains[[*picked].index(worst)]
        information.remove(picked.pop(worst))
    return picked, gains


def _first_largest(values: Tensor, indices: Tensor, shards: Shards) -> tuple[int, int | None]:
    """Return the lowest index of those with the largest value, and its place if it is here."""
    top = shards.largest(float(values.max()) if len(values) else -math.inf, values)
    near = _near(values, top).nonzero().flatten().cpu()
    first = int(indices[near[0]]) if len(near) else None
    lowest = -shards.largest(-math.inf if first is None else -first, values)
    return int(lowest), int(near[0]) if first == lowest else None


def _near(values: Tensor, top: float) -> Tensor:
    return values >= top - TIE * abs(top)


def _within(
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


def _checked(
    pool: Factors, labelled: Tensor, batch_size: int, ridge: float, backward_steps: float
) -> Tensor:
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
