"""Which images to label next."""

import logging
import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from fishermask_backend.fisher.information import Information
from fishermask_backend.fisher.scoring import PoolScorer, score_new

log = logging.getLogger(__name__)

PickWeight = Literal["batch", "sample"]

CHUNK_IMAGES = 1024  # scored at a time
TIE = 1e-9  # gains this close to the largest, relative to it, are equal: rounding decides nothing


class Selection(NamedTuple):
    """A batch in pick order, and the gains of the rest.

    Attributes:
        indices: Pool indices (K,), fewer if fewer are unlabelled.
        gains: How much each pick lowered the objective tr[A⁻¹ I_U] when it was made, (K,) float64.
        remaining: Marginal gain of each image after the batch, (N,) float64; −inf for labelled and
            picked images, which are no candidates.
        scorer: What `score_new` needs to put images that come later on the scale of `remaining`.
    """

    indices: Tensor
    gains: Tensor
    remaining: Tensor
    scorer: PoolScorer


def select_batch(
    pool: Tensor,
    labelled: Tensor,
    batch_size: int,
    *,
    ridge: float = 1.0,
    backward_steps: float = 0.0,
    pick_weight: PickWeight = "batch",
    pool_limit: int | None = None,
    seed: int = 0,
) -> Selection:
    """Pick the images whose labels lower tr[A⁻¹ I_U] most, one after the other.

    I_U is the mean Fisher matrix of the pool, A = λI + Σ over labelled of VᵀV/(L + K) grows by
    XᵀX with each pick (BAIT: Ash et al., arXiv 2106.09675, algorithm 1). A pick is the unlabelled
    image of largest tr[X A⁻¹ I_U A⁻¹ Xᵀ (I + X A⁻¹ Xᵀ)⁻¹], which is exactly what it lowers the
    objective by. With backward steps b, ⌊(b + 1)K⌋ are picked and then those whose loss raises
    the objective least are taken back until K are left.

    Args:
        pool: V (N, C, d) of all images, of any floating dtype; the arithmetic is in float64.
        labelled: (N,) bool.
        batch_size: K.
        ridge: λ, above 0.
        backward_steps: b.
        pick_weight: X = √(K/(L + K)) V («batch», as published: a pick weighs K labelled images) or
            X = √(1/(L + K)) V («sample»: it weighs as one).
        pool_limit: At most so many unlabelled images, drawn at random, may be picked; the others
            count in I_U and are scored after the batch. None: all may.
        seed: Of that draw.

    Returns:
        The selection. Of equal gains the lower index wins.

    Raises:
        ValueError: Shapes or options do not fit, or a factor is not finite.
    """
    labelled = _checked(pool, labelled, batch_size, ridge, backward_steps).cpu()
    known, unlabelled = labelled.nonzero().flatten(), (~labelled).nonzero().flatten()
    candidates, others = _within(unlabelled, pool_limit, seed)
    per_image = 1.0 / max(len(known) + batch_size, 1)
    if pick_weight not in ("batch", "sample"):
        raise ValueError(f"pick_weight={pick_weight!r} is unknown: use 'batch' or 'sample'.")
    scale = math.sqrt(per_image * (batch_size if pick_weight == "batch" else 1))
    information = Information(
        pool, known, candidates, batch_size=batch_size, scale=scale, ridge=ridge
    )
    picked, gains = _greedy(information, batch_size, backward_steps)
    scorer = PoolScorer(
        information.inverse, information.pool_fisher, information.inverse.new_tensor(scale)
    )
    left = information.gains()
    left[picked] = -torch.inf
    remaining = torch.full((len(pool),), -torch.inf, dtype=torch.float64, device=pool.device)
    remaining[candidates] = left
    for part in torch.split(others, CHUNK_IMAGES):
        remaining[part] = score_new(scorer, pool[part])
    return Selection(candidates[picked].to(pool.device), left.new_tensor(gains), remaining, scorer)


def _greedy(
    information: Information, batch_size: int, backward_steps: float
) -> tuple[list[int], list[float]]:
    """Return the places of the picks among the candidates, in pick order, and their gains."""
    open_ = torch.ones_like(information.gains(), dtype=torch.bool)
    picked: list[int] = []
    gains: list[float] = []
    for _ in range(min(math.floor((backward_steps + 1) * batch_size), len(open_))):
        now = information.gains().masked_fill_(~open_, -torch.inf)
        place = _first_largest(now)
        picked.append(place)
        gains.append(float(now[place]))
        open_[place] = False
        information.add(place)
    while len(picked) > batch_size:
        places = sorted(picked)
        out = picked.index(places[_first_largest(-information.losses(places))])
        information.remove(picked[out])
        del picked[out], gains[out]
    return picked, gains


def _within(unlabelled: Tensor, limit: int | None, seed: int) -> tuple[Tensor, Tensor]:
    """Split the unlabelled into those that may be picked and those that are only scored."""
    if limit is None or len(unlabelled) <= limit:
        return unlabelled, unlabelled[:0]
    if limit < 1:
        raise ValueError(f"pool_limit={limit} must be at least 1.")
    order = torch.randperm(len(unlabelled), generator=torch.Generator().manual_seed(seed))
    log.info(
        "pool_limit: %d of %d unlabelled images, drawn with seed %d, are candidates; the others "
        "are scored after the batch.", limit, len(unlabelled), seed,
    )  # fmt: skip
    return unlabelled[order[:limit].sort().values], unlabelled[order[limit:].sort().values]


def _first_largest(values: Tensor) -> int:
    top = values.max()
    return int((values >= top - TIE * top.abs()).nonzero()[0])


def _checked(
    pool: Tensor, labelled: Tensor, batch_size: int, ridge: float, backward_steps: float
) -> Tensor:
    if pool.ndim != 3:
        raise ValueError(f"The pool must be factors (N, C, d), it is {tuple(pool.shape)}.")
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
