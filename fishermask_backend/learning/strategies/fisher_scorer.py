"""What places later images by their marginal gain after a FisherMask round's picks."""

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from fishermask_backend.fisher import PoolScorer, score_new
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.tensors import save_tensors

Stored = tuple[dict[str, Tensor], dict[str, str]]


@dataclass(frozen=True)
class FisherScorer:
    """A selection's state, and how factors that fit it are made.

    Attributes:
        strategy: The name of the one that left it.
        state: After the last pick.
        mask: (d,) the parameters that factors are over.
        recipe: How factors are made.
    """

    strategy: str
    state: PoolScorer
    mask: Tensor
    recipe: FactorRecipe

    def gains(self, model: nn.Module, rows: Tensor) -> Tensor:
        """Return how much each image (M,) would lower the objective, were it picked next."""
        return score_new(self.state, self.recipe.either(model, rows, self.mask)).cpu()

    def stored(self) -> Stored:
        """Return the tensors and texts that it is rebuilt from."""
        tensors = {**self.state.to_tensors(), "mask": self.mask}
        return tensors, {"strategy": self.strategy, **self.recipe.to_metadata()}

    def save(self, path: Path) -> None:
        """Write it to a safetensors file."""
        save_tensors(path, *self.stored())
