"""How the images to label next are chosen: the table of what STRATEGY may be."""

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from torch import Tensor

from fishermask_backend.ordering import Lap, Order, Scorer
from fishermask_backend.settings import Settings
from fishermask_backend.strategies.bait import BAIT
from fishermask_backend.strategies.entropy import ENTROPY
from fishermask_backend.strategies.fishermask import FISHERMASK
from fishermask_backend.strategies.margin import MARGIN
from fishermask_backend.strategies.random import RANDOM
from fishermask_backend.tensors import TensorsUnusable, load_tensors
from fishermask_backend.trained import Trained


class Strategy(Protocol):
    """A way to choose. It knows neither the database nor Label Studio."""

    @property
    def name(self) -> str:
        """What STRATEGY, a stored round and a stored scorer call it; 20 characters at most."""

    @property
    def stage(self) -> str:
        """What the status shows while it chooses."""

    def order(self, trained: Trained, settings: Settings, lap: Lap) -> Order:
        """Order a pool.

        Args:
            trained: The network and its pool.
            settings: The queue's size, the seed, and whatever else the strategy heeds.
            lap: Called with the name of each stage that is done.
        """

    def scorer(self, tensors: Mapping[str, Tensor], metadata: Mapping[str, str]) -> Scorer:
        """Return the scorer whose `save` wrote these tensors and metadata.

        Raises:
            KeyError: One of them is missing.
            TensorsUnusable: Likewise, in a sentence.
        """


STRATEGIES: Mapping[str, Strategy] = MappingProxyType(
    {each.name: each for each in (FISHERMASK, BAIT, MARGIN, ENTROPY, RANDOM)}
)


def load_scorer(path: Path) -> Scorer:
    """Read what a `Scorer.save` wrote.

    Raises:
        TensorsUnusable: The file is missing, damaged or not a scorer's of a known strategy.
    """
    tensors, metadata = load_tensors(path)
    name = metadata.get("strategy", FISHERMASK.name)  # once there was no other, and none was named
    try:
        return STRATEGIES[name].scorer(tensors, metadata)
    except (KeyError, RuntimeError) as error:
        raise TensorsUnusable(
            f"{path} holds no scorer of strategy {name} ({error!r}); the next round writes a new one."
        ) from error
