"""The order of a whole pool: the queue as FisherMask picks it, then the rest by marginal gain."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from fishermask_backend.acquisition import Acquisition
from fishermask_backend.fisher import PoolScorer, score_new
from fishermask_backend.recipe import FactorRecipe
from fishermask_backend.tensors import load_tensors, save_tensors

CHUNK = 1024  # images scored at a time outside the selection
QUEUE_END = 0.5  # scores of the queue lie below, those of the rest at or above


@dataclass
class Order:
    """Every image's place and gain.

    Attributes:
        scores: (N,) in [0, 1], 0 is to be labelled next; labelled images have 1.
        gains: (N,) the gain of a pick when it was picked, of the rest after all picks; 0 if labelled.
        notes: What was approximated, as sentences for the status.
        scorer: What `score_new` needs to place images that come later; None for a cold start.
        mask: (d,) the parameters that the scorer's factors are over.
        recipe: How those factors are made.
    """

    scores: Tensor
    gains: Tensor
    notes: list[str] = field(default_factory=list)
    scorer: PoolScorer | None = None
    mask: Tensor | None = None
    recipe: FactorRecipe | None = None

    def save_scorer(self, path: Path) -> None:
        """Write the scorer's state, its mask and its recipe to a safetensors file."""
        if self.scorer is not None and self.mask is not None and self.recipe is not None:
            tensors = {**self.scorer.to_tensors(), "mask": self.mask}
            save_tensors(path, tensors, self.recipe.to_metadata())


def load_scorer(path: Path) -> tuple[PoolScorer, Tensor, FactorRecipe]:
    """Read what `Order.save_scorer` wrote: the scorer, its mask and its recipe.

    Raises:
        TensorsUnusable: The file is missing, damaged or not a scorer's.
    """
    tensors, metadata = load_tensors(path)
    mask = tensors.pop("mask")
    return PoolScorer.from_tensors(tensors), mask, FactorRecipe.from_metadata(metadata)


def placed(ranking: Tensor, size: int, queue_size: int) -> Order:
    """Turn a ranking into scores: the queue evenly below 0.5, the rest evenly above.

    Args:
        ranking: Indices of the images that can be labelled, next one first.
        size: N, images in all; those not ranked get 1.
        queue_size: How many of the ranking form the queue.
    """
    scores = torch.ones(size, dtype=torch.float64)
    queue, rest = ranking[:queue_size], ranking[queue_size:]
    scores[queue] = QUEUE_END * torch.arange(len(queue), dtype=torch.float64) / max(len(queue), 1)
    scores[rest] = QUEUE_END + QUEUE_END * torch.arange(len(rest), dtype=torch.float64) / max(
        len(rest), 1
    )
    return Order(scores, torch.zeros(size, dtype=torch.float64))


def fisher_order(
    found: Acquisition,
    model: nn.Module,
    rows: Tensor,
    servable: Tensor,
    recipe: FactorRecipe,
    queue_size: int,
) -> Order:
    """Order a pool by FisherMask.

    The queue is picked greedily whole, so that its margin holds no near-duplicates of its batch.

    Args:
        found: What was picked, and the gains of the images that were looked at.
        model: The trained classifier; takes rows.
        rows: (N, ...) the pool.
        servable: (N,) bool, images that Label Studio would still serve.
        recipe: How factors are made.
        queue_size: Images in the queue.
    """
    selection, chosen = found.selection, found.chosen
    gains = torch.full((len(rows),), -torch.inf, dtype=torch.float64)
    gains[chosen] = selection.remaining.cpu()
    picks = chosen[selection.indices.cpu()]
    gains[picks] = -torch.inf
    _score_others(found, model, rows, servable, gains, recipe)
    rest = torch.argsort(gains, descending=True, stable=True)
    rest = rest[torch.isfinite(gains[rest]) & servable[rest]]
    order = placed(torch.cat([picks, rest]), len(rows), queue_size)
    gains[picks] = selection.gains.cpu()
    order.gains = torch.where(torch.isfinite(gains), gains, 0.0)
    order.notes, order.recipe = found.notes, recipe
    order.scorer, order.mask = selection.scorer, found.mask
    return order


def _score_others(
    found: Acquisition,
    model: nn.Module,
    rows: Tensor,
    servable: Tensor,
    gains: Tensor,
    recipe: FactorRecipe,
) -> None:
    """Fill in the gains of servable images that the selection did not look at."""
    left_out = servable.clone()
    left_out[found.chosen] = False
    others = torch.nonzero(left_out).flatten()
    for part in torch.split(others, CHUNK):
        gains[part] = new_gains(model, rows[part], found.mask, found.selection.scorer, recipe)


def new_gains(
    model: nn.Module, rows: Tensor, mask: Tensor, scorer: PoolScorer, recipe: FactorRecipe
) -> Tensor:
    """Return the marginal gains (M,) of images that a selection did not see, after its picks."""
    return score_new(scorer, recipe.factors(model, rows, mask)).cpu()
