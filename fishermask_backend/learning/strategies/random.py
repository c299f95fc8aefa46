"""Images in random order, which is what every other strategy has to beat."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import torch
from torch import Tensor, nn

from fishermask_backend.learning.ordering import Lap, Order
from fishermask_backend.learning.strategies.strategy import Strategy
from fishermask_backend.learning.tensors import save_tensors
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings


@dataclass(frozen=True)
class Random(Strategy):
    """The order depends on the images and SEED alone: one shuffle, from round to round the same."""

    name: str = "random"

    def order(self, trained: Trained, settings: Settings, lap: Lap) -> Order:
        """Order a pool at random."""
        scorer = RandomScorer(self.name, settings.seed)
        gains = scorer.gains(trained.model, trained.rows)
        order = Order.by_gain(gains, trained.servable, settings.queue_size, scorer)
        lap("order")
        return order

    def scorer(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> "RandomScorer":
        """Return a stored scorer."""
        return RandomScorer(self.name, int(metadata["seed"]))


@dataclass(frozen=True)
class RandomScorer:
    """Random numbers that the rows themselves give, so that later images fall in among the others."""

    strategy: str
    seed: int

    def gains(self, model: nn.Module, rows: Tensor) -> Tensor:
        """Return a number in [0, 1) of each image (M,) float64, the same whenever it is asked for."""
        key = str(self.seed).encode()
        digests = (
            blake2b(r.tobytes(), digest_size=6, key=key).digest() for r in rows.cpu().numpy()
        )
        numbers = [int.from_bytes(digest, "big") / 2**48 for digest in digests]
        return torch.tensor(numbers, dtype=torch.float64)

    def save(self, path: Path) -> None:
        """Write it to a safetensors file, which has no tensors."""
        save_tensors(path, {}, {"strategy": self.strategy, "seed": str(self.seed)})


RANDOM = Random()
