"""Strategies that take the images of which the classifier is least sure, each looked at by itself."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn

from fishermask_backend.controls.heads import Likelihood
from fishermask_backend.learning.classifier import probabilities
from fishermask_backend.learning.heads import each_head
from fishermask_backend.learning.ordering import Lap, Order, ranked
from fishermask_backend.learning.reasons import (
    EXPLAINED,
    UNCERTAIN,
    Reasons,
    outstanding,
    shares_below,
)
from fishermask_backend.learning.strategies.strategy import Strategy
from fishermask_backend.learning.tensors import save_tensors
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings

Measures = Mapping[Likelihood, Callable[[Tensor], Tensor]]  # (N, C) probabilities → (N,)


@dataclass(frozen=True)
class Uncertainty(Strategy):
    """Order a pool by how unsure the classifier is.

    Attributes:
        name: The strategy's.
        measures: How unsure given probabilities are, of each likelihood.
    """

    name: str
    measures: Measures

    def order(self, trained: Trained, settings: Settings, lap: Lap) -> Order:
        """Order a pool, the image that the classifier is least sure of first."""
        likelihoods = tuple(head.recipe.likelihood for head in trained.heads)
        scorer = UncertaintyScorer(self, likelihoods)
        gains = scorer.unsure([head.probs for head in trained.heads])
        order = Order.by_gain(gains, trained.servable, settings.queue_size, scorer)
        lap("order")
        return replace(order, reasons=_reasons(gains, trained))

    def scorer(
        self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
    ) -> "UncertaintyScorer":
        """Return a stored scorer."""
        return UncertaintyScorer(
            self, cast("tuple[Likelihood, ...]", tuple(metadata["likelihood"].split()))
        )


@dataclass(frozen=True)
class UncertaintyScorer:
    """The same measure for later images: it needs no state.

    Attributes:
        strategy: Whose measure.
        likelihoods: Of each head of the classifier.
    """

    strategy: Uncertainty
    likelihoods: tuple[Likelihood, ...]

    def unsure(self, probs: Sequence[Tensor]) -> Tensor:
        """Return how unsure probabilities (N, C) are, summed over the heads, (N,) float64."""
        measures = self.strategy.measures
        own = zip(self.likelihoods, probs, strict=True)
        return torch.stack([measures[likelihood](p.double()) for likelihood, p in own]).sum(0)

    def gains(self, model: nn.Module, rows: Tensor) -> Tensor:
        """Return how unsure the classifier is of each image (M,)."""
        own = zip(each_head(model), self.likelihoods, strict=True)
        return self.unsure([probabilities(head, rows, likelihood) for head, likelihood in own])

    def save(self, path: Path) -> None:
        """Write it to a safetensors file, which has no tensors."""
        about = {"strategy": self.strategy.name, "likelihood": " ".join(self.likelihoods)}
        save_tensors(path, {}, about)


def _reasons(unsure: Tensor, trained: Trained) -> Reasons:
    """Return the one reason there is, of those that are unsure beside the pool."""
    first = ranked(unsure, trained.servable)[:EXPLAINED]
    pool = unsure[trained.servable & ~trained.labelled & unsure.isfinite()].unsqueeze(1)
    values = unsure[first].unsqueeze(1)
    return outstanding(first, values, shares_below(values, pool), [UNCERTAIN])
