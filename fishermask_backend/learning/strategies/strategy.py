"""What a strategy is."""

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor

from fishermask_backend.learning.ordering import Lap, Order, Scorer
from fishermask_backend.learning.tensors import TensorsUnusable
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings


class Strategy(Protocol):
    """A way to choose the images to label next. It knows neither the database nor Label Studio.

    Attributes:
        name: What STRATEGY, a stored round and a stored scorer call it; 20 characters at most.
    """

    name: str

    @property
    def stage(self) -> str:
        """What the status shows while it chooses."""
        return "choosing images"

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
            TensorsUnusable: Likewise, in a sentence; or the strategy's orders have no scorer.
        """
        raise TensorsUnusable(f"The strategy {self.name} leaves nothing to place later images by.")
