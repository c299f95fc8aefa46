"""How the images to label next are chosen: the table of what STRATEGY may be."""

from pathlib import Path

from fishermask_backend.learning.ordering import Scorer
from fishermask_backend.learning.strategies.activeml import PACKAGE
from fishermask_backend.learning.strategies.bait import BAIT
from fishermask_backend.learning.strategies.entropy import ENTROPY
from fishermask_backend.learning.strategies.fishermask import FISHERMASK
from fishermask_backend.learning.strategies.margin import MARGIN
from fishermask_backend.learning.strategies.random import RANDOM
from fishermask_backend.learning.strategies.strategy import Strategy
from fishermask_backend.learning.tensors import TensorsUnusable, load_tensors

STRATEGIES: dict[str, Strategy] = {
    "fishermask": FISHERMASK,
    "bait": BAIT,
    "margin": MARGIN,
    "entropy": ENTROPY,
    "random": RANDOM,
    **{strategy.name: strategy for strategy in PACKAGE},
}


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
