"""FisherMask (arXiv 2411.05752): the batch that tells most about the pool, over what matters in it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fishermask_backend.fisher import PoolScorer
from fishermask_backend.learning.acquisition import (
    Acquisition,
    Ranking,
    acquire,
    with_enough_classes,
)
from fishermask_backend.learning.fisher_job import acquire_in_processes
from fishermask_backend.learning.fitting import fitted
from fishermask_backend.learning.ordering import Lap, Order, Scorer, evenly_spaced, ranked
from fishermask_backend.learning.reasons import (
    COMPARED,
    EXPLAINED,
    Reasons,
    outstanding,
    shares_below,
)
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.strategies.fisher_scorer import FisherScorer, likeness_of
from fishermask_backend.learning.strategies.joint_scorer import parts_of, together
from fishermask_backend.learning.strategies.strategy import Strategy
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings

CHUNK = 1024  # images scored at a time outside the selection


@dataclass(frozen=True)
class FisherMask(Strategy):
    """The queue is picked greedily whole, so that its margin holds no near-duplicates of its batch.

    Attributes:
        name: The strategy's.
        mask_inner: Mask entries beside the last layer; None: MASK_INNER of them.
        ranking: What they are chosen by, in one process; None: the Fisher diagonal.
        of_head: The parameters are the head's, whatever FISHER_OVER says.
    """

    name: str
    mask_inner: int | None = None
    ranking: Ranking | None = None
    of_head: bool = False

    @property
    def stage(self) -> str:
        """What the status shows."""
        return "Fisher information"

    def order(self, trained: Trained, settings: Settings, lap: Lap) -> Order:
        """Order a pool: the queue as it is picked, then the rest by marginal gain."""
        if self.mask_inner is not None:
            settings = settings.model_copy(update={"mask_inner": self.mask_inner})
        if settings.fisher_over == "features" and not self.of_head and trained.rows.ndim == 2:
            trained = trained.by_likeness(settings.seed)
        else:
            trained = with_enough_classes(trained, settings)
        trained, settings, given_up = fitted(trained, settings)
        if settings.fisher_processes > 1:
            found = acquire_in_processes(trained, settings)
            lap("select")
        else:
            found = acquire(trained, settings, lap=lap, ranking=self.ranking)
        parts = zip(found.selection.scorers, found.masks, trained.heads, strict=True)
        scorer = together(
            [
                FisherScorer(self.name, state, mask, head.recipe, head.likeness)
                for state, mask, head in parts
            ]
        )
        order = _order(trained, found, scorer, settings.queue_size)
        lap("order")
        return replace(order, notes=[*given_up, *found.notes])

    def scorer(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Scorer:
        """Return a stored scorer."""
        parts = [
            FisherScorer(
                self.name,
                PoolScorer.from_tensors(own),
                own["mask"],
                FactorRecipe.from_metadata(about),
                likeness_of(own),
            )
            for own, about in parts_of(tensors, metadata)
        ]
        return together(parts)


def _order(trained: Trained, found: Acquisition, scorer: Scorer, queue_size: int) -> Order:
    selection, chosen = found.selection, found.chosen
    size, picks = len(trained.rows), chosen[selection.indices]
    gains = torch.full((size,), -torch.inf, dtype=torch.float64)
    gains[chosen] = selection.remaining  # −∞ of the picks and of labelled images
    unseen = trained.servable.clone().index_fill_(0, chosen, False)
    for part in torch.split(unseen.nonzero().flatten(), CHUNK):
        gains[part] = scorer.gains(trained.model, trained.rows[part])
    ranking = torch.cat([picks, ranked(gains, trained.servable)])
    gains[picks] = selection.gains.cpu()
    return Order(
        evenly_spaced(ranking, size, queue_size),
        torch.where(torch.isfinite(gains), gains, 0.0),
        scorer=scorer,
        reasons=_reasons(found, ranking[len(picks) : EXPLAINED], size),
    )


def _reasons(found: Acquisition, rest: Tensor, size: int) -> Reasons:
    """Return in what the picks stood out when they were made, and in what others do now.

    Args:
        found: What the selection says.
        rest: Pool indices of others; those it has not looked at have no reason.
        size: N.
    """
    selection, chosen = found.selection, found.chosen
    picked, above, left = (each[:, : len(COMPARED)] for each in selection.parts)
    now = left.new_full((size, len(COMPARED)), torch.nan)
    now[chosen] = left
    seen = rest[now[rest].isfinite().all(1)]
    pool = left[torch.isfinite(selection.remaining) & left.isfinite().all(1)]
    return {
        **outstanding(chosen[selection.indices], picked, above),
        **outstanding(seen, now[seen], shares_below(now[seen], pool)),
    }


FISHERMASK = FisherMask("fishermask")
