"""Which images to label next."""

import math
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from fishermask_backend.fisher.information import Information
from fishermask_backend.fisher.scoring import PoolScorer

PickWeight = Literal["batch", "sample"]

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

    Returns:
        The selection. Of equal gains the lower index wins.

    Raises:
        ValueError: Shapes or options do not fit, or a factor is not finite.
    """
    labelled = _checked(pool, labelled, batch_size, ridge, backward_steps).to(pool.device)
    L = int(labelled.sum())
    per_image = 1.0 / max(L + batch_size, 1)
    if pick_weight not in ("batch", "sample"):
        raise ValueError(f"pick_weight={pick_weight!r} is unknown: use 'batch' or 'sample'.")
    scale = math.sqrt(per_image * (batch_size if pick_weight == "batch" else 1))
    information = Information(pool, labelled, batch_size, scale, ridge)
    open_ = torch.ones(len(information.candidates), dtype=torch.bool, device=pool.device)
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
        open_[picked[out]] = True
        del picked[out], gains[out]
    remaining = torch.full((len(pool),), -torch.inf, dtype=torch.float64, device=pool.device)
    left = information.gains().masked_fill_(~open_, -torch.inf)
    remaining[information.candidates] = left
    return Selection(
        information.candidates[picked],
        torch.tensor(gains, dtype=torch.float64, device=pool.device),
        remaining,
        PoolScorer(
            information.inverse,
            information.pool_fisher,
            torch.tensor(scale, dtype=torch.float64, device=pool.device),
        ),
    )


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
    finite = torch.isfinite(pool.sum((1, 2), dtype=torch.float64))
    if not finite.all():
        raise ValueError(f"The factors of image {int((~finite).nonzero()[0])} are not finite.")
    return labelled
