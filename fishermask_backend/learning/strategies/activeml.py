"""Strategies of scikit-activeml, as its package has them (the extra `strategies`).

It is imported when one of them chooses: that takes seconds, and it need not be installed.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.fisher.likelihood import LIKELIHOODS
from fishermask_backend.labeling import Likelihood
from fishermask_backend.learning.cold_start import cold_start_features
from fishermask_backend.learning.ordering import Lap, Order, evenly_spaced
from fishermask_backend.learning.strategies.strategy import Strategy
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings

CHUNK = 1024  # rows that go through the network at a time
LARGEST = 10_000  # images that the package is shown: ProbCover compares all with all

Space = Callable[[Trained], Tensor]


class PackageFailed(FisherMaskError):
    """The package raised something; the text says what."""


def images(trained: Trained) -> Tensor:
    """Return what the cold start compares images by, of length 1, (N, F)."""
    return nn.functional.normalize(cold_start_features(trained.rows), dim=1)


def last_inputs(trained: Trained) -> Tensor:
    """Return what the network's last layer is given, (N, H)."""
    found: list[Tensor] = []
    handle = last_layer(trained.model).register_forward_pre_hook(
        lambda _, inputs: found.append(inputs[0].cpu())
    )
    try:
        with torch.inference_mode():
            for part in torch.split(trained.rows, CHUNK):
                trained.model(part.to(trained.device))
    finally:
        handle.remove()
    return torch.cat(found)


def last_layer(model: nn.Module) -> nn.Module:
    """Return the Linear that the network ends in."""
    return [module for module in model.modules() if isinstance(module, nn.Linear)][-1]


@dataclass(frozen=True)
class Packaged(Strategy):
    """One of the package's strategies: the queue is its batch, the rest comes at random.

    For several controls it picks for each in turn: the package knows one classifier.

    Attributes:
        name: The strategy's.
        of: Its class in `skactiveml.pool`.
        space: What it sees of the images.
        asks_classifier: Whether it is given the network's last layer.
        counts_classes: Whether it is told how many classes there are.
    """

    name: str
    of: str
    space: Space = last_inputs
    asks_classifier: bool = False
    counts_classes: bool = False

    def order(self, trained: Trained, settings: Settings, lap: Lap) -> Order:
        """Order a pool: the queue as it is picked, then the rest at random.

        Raises:
            PackageFailed: The package does not take this pool.
        """
        generator = torch.Generator().manual_seed(settings.seed)
        candidates = (trained.servable & ~trained.labelled).nonzero().flatten()
        most = min(settings.pool_limit or LARGEST, LARGEST)
        looked_at = candidates[torch.randperm(len(candidates), generator=generator)[:most]]
        notes = [] if len(candidates) <= most else [_about(self.name, most, len(candidates))]
        picks = looked_at[:0]
        if len(looked_at):
            seen = looked_at.sort().values
            picks = _in_turn([self._picks(head, seen, settings) for head in trained.heads])
            picks = picks[: settings.queue_size]
        lap("select")
        servable = trained.servable.nonzero().flatten()
        rest = servable[torch.randperm(len(servable), generator=generator)]
        ranking = torch.cat([picks, rest[~torch.isin(rest, picks)]])
        scores = evenly_spaced(ranking, len(trained.rows), settings.queue_size)
        lap("order")
        return Order(scores, torch.zeros_like(scores), notes)

    def _picks(self, trained: Trained, candidates: Tensor, settings: Settings) -> Tensor:
        """Return pool indices of at most a queue, in the order in which the package picks them."""
        from skactiveml import pool

        known = trained.labelled.nonzero().flatten()
        seen = torch.cat([known, candidates])
        of = getattr(pool, self.of)
        own: dict[str, Any] = {"n_classes": trained.num_classes} if self.counts_classes else {}
        if "cluster_algo_dict" in signature(of).parameters:  # DropQuery's clusters know no seed
            own["cluster_algo_dict"] = {"random_state": settings.seed}
        strategy = of(random_state=settings.seed, **own)
        given: dict[str, Any] = {}
        if self.asks_classifier:
            given = {"clf": _classifier(trained), "fit_clf": False}
        X = self.space(trained)[seen].double().nan_to_num().numpy()
        # None of them asks which class a labelled image has, all whether it has one.
        y = np.where(np.arange(len(seen)) < len(known), 0.0, np.nan)
        size = min(settings.queue_size, len(candidates))
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of clusters that could not be told apart, and the like
            try:
                picked = strategy.query(
                    X=X, y=y, candidates=np.arange(len(known), len(seen)), batch_size=size, **given
                )
            except Exception as error:
                raise PackageFailed(
                    f"STRATEGY={self.name}: {self.of} of scikit-activeml does not take this pool "
                    f"({type(error).__name__}: {error}). Set another STRATEGY."
                ) from error
        # TypiClust may name an image twice, where there are fewer clusters than it wants.
        return seen[list(dict.fromkeys(map(int, picked)))]


def _in_turn(picks: Sequence[Tensor]) -> Tensor:
    """Return the picks for each head, the first of each first; an image where it is named first."""
    if len(picks) == 1:
        return picks[0]
    ranks = range(max(map(len, picks)))
    named = [int(own[rank]) for rank in ranks for own in picks if rank < len(own)]
    return torch.tensor(list(dict.fromkeys(named)), dtype=torch.int64)


def _about(name: str, most: int, size: int) -> str:
    return (
        f"STRATEGY={name}: scikit-activeml picks the queue from {most} of {size} unlabelled images, "
        "drawn at random."
    )


def _classifier(trained: Trained) -> Any:
    """Return the network's last layer as one of the package's classifiers, which is not fitted."""
    from skactiveml.base import SkactivemlClassifier

    layer, likelihood = last_layer(trained.model), trained.recipe.likelihood
    classes = list(range(trained.num_classes))

    class LastLayer(SkactivemlClassifier):  # type: ignore[misc]
        def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
            return self

        def predict_proba(self, X: NDArray[np.float64]) -> NDArray[np.float64]:
            return _probabilities(layer, X, likelihood)

        def predict(self, X: NDArray[np.float64]) -> NDArray[np.int64]:
            likeliest: NDArray[np.int64] = self.predict_proba(X).argmax(1)
            return likeliest

    return LastLayer(classes=classes)


def _probabilities(
    layer: nn.Module, X: NDArray[np.float64], likelihood: Likelihood
) -> NDArray[np.float64]:
    weights = next(layer.parameters())
    with torch.inference_mode():
        logits = layer(torch.as_tensor(X, dtype=weights.dtype, device=weights.device))
    return LIKELIHOODS[likelihood].probabilities(logits.cpu()).double().numpy()


PACKAGE = (
    Packaged("badge", "Badge", asks_classifier=True),
    Packaged("coreset", "CoreSet"),
    Packaged("typiclust", "TypiClust", images),
    Packaged("probcover", "ProbCover", images, counts_classes=True),
    Packaged("dropquery", "DropQuery", asks_classifier=True),
    Packaged("falcun", "Falcun", asks_classifier=True),
)
"""BADGE (Ash et al. 2020), core-set (Sener & Savarese 2018), TypiClust (Hacohen et al. 2022), ProbCover
(Yehuda et al. 2022), DropQuery (Gupte et al. 2024) and FALCUN (Gilhuber et al. 2024)."""
