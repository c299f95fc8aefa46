"""The order of a whole pool: a queue, then the rest, and what places the images that come later."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from fishermask_backend.learning.reasons import Reasons

QUEUE_END = 0.5  # scores of the queue lie below, those of the rest at or above

Lap = Callable[[str], None]  # called with the name of each stage that is done


class Scorer(Protocol):
    """What a round leaves behind to place the images that come after it; a value, never changed."""

    def gains(self, model: nn.Module, rows: Tensor) -> Tensor:
        """Return the gains of images that the round did not see, on the scale of `Order.gains`.

        Args:
            model: The round's classifier.
            rows: (M, ...).

        Returns:
            (M,) on the CPU.
        """

    def save(self, path: Path) -> None:
        """Write it to a safetensors file, the strategy's name among the metadata."""


@dataclass(frozen=True)
class Order:
    """Every image's place and gain.

    Attributes:
        scores: (N,) float64 in [0, 1], 0 is to be labelled next; labelled images have 1.
        gains: (N,) float64, the gain of a pick when it was picked, of the rest after all picks; 0 if
            labelled.
        notes: What was approximated, as sentences for the status.
        scorer: What places images that come later; None: they come at random.
        reasons: In what images stand out, of the first ones, where the strategy can tell.
    """

    scores: Tensor
    gains: Tensor
    notes: Sequence[str] = ()
    scorer: Scorer | None = None
    reasons: Reasons = field(default_factory=dict)

    @classmethod
    def by_gain(
        cls, gains: Tensor, servable: Tensor, queue_size: int, scorer: Scorer | None = None
    ) -> "Order":
        """Return the order of images whose gains (N,) do not depend on each other's."""
        scores = evenly_spaced(ranked(gains, servable), len(gains), queue_size)
        known = servable & torch.isfinite(gains)
        return cls(scores, torch.where(known, gains.double(), 0.0), scorer=scorer)


def evenly_spaced(ranking: Tensor, size: int, queue_size: int) -> Tensor:
    """Turn a ranking into scores: the queue evenly below 0.5, the rest evenly above.

    Args:
        ranking: Indices of the images that can be labelled, next one first.
        size: N, images in all; those not ranked get 1.
        queue_size: How many of the ranking form the queue.

    Returns:
        (N,) float64.
    """
    scores = torch.ones(size, dtype=torch.float64)
    for part, start in ((ranking[:queue_size], 0.0), (ranking[queue_size:], QUEUE_END)):
        places = torch.arange(len(part), dtype=torch.float64) / max(len(part), 1)
        scores[part] = start + QUEUE_END * places
    return scores


def ranked(gains: Tensor, servable: Tensor) -> Tensor:
    """Return the indices of images that are served and have a finite gain, largest gain first.

    Args:
        gains: (N,). Of equals the lower index comes first.
        servable: (N,) bool.
    """
    ranking = torch.argsort(gains, descending=True, stable=True)
    return ranking[torch.isfinite(gains[ranking]) & servable[ranking]]
