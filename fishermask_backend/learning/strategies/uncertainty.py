"""Strategies that take the images of which the classifier is least sure, each looked at by itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from torch import Tensor, nn

from fishermask_backend.controls.heads import Likelihood
from fishermask_backend.learning.classifier import probabilities
from fishermask_backend.learning.ordering import Lap, Order
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
        scorer = UncertaintyScorer(self, trained.recipe.likelihood)
        gains = scorer.unsure(trained.probs)
        order = Order.by_gain(gains, trained.servable, settings.queue_size, scorer)
        lap("order")
        return order

    def scorer(
        self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]
    ) -> "UncertaintyScorer":
        """Return a stored scorer."""
        return UncertaintyScorer(self, cast("Likelihood", metadata["likelihood"]))


@dataclass(frozen=True)
class UncertaintyScorer:
    """The same measure for later images: it needs no state."""

    strategy: Uncertainty
    likelihood: Likelihood

    def unsure(self, probs: Tensor) -> Tensor:
        """Return how unsure probabilities (N, C) are (N,) float64."""
        return self.strategy.measures[self.likelihood](probs.double())

    def gains(self, model: nn.Module, rows: Tensor) -> Tensor:
        """Return how unsure the classifier is of each image (M,)."""
        return self.unsure(probabilities(model, rows, self.likelihood))

    def save(self, path: Path) -> None:
        """Write it to a safetensors file, which has no tensors."""
        about = {"strategy": self.strategy.name, "likelihood": self.likelihood}
        save_tensors(path, {}, about)
