"""What places later images by their marginal gain after a FisherMask round's picks."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from fishermask_backend.fisher import HeadMaker, PoolScorer, score_new
from fishermask_backend.learning.likeness import stored_likeness
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.tensors import save_tensors, under

LIKENESS = "likeness"
Stored = tuple[dict[str, Tensor], dict[str, str]]


@dataclass(frozen=True)
class FisherScorer:
    """A selection's state, and how factors that fit it are made.

    Attributes:
        strategy: The name of the one that left it.
        state: After the last pick.
        mask: (d,) the parameters that factors are over.
        recipe: How factors are made.
        likeness: What they are made of instead of the round's classifier; None: of that.
    """

    strategy: str
    state: PoolScorer
    mask: Tensor
    recipe: FactorRecipe
    likeness: nn.Module | None = None

    _seen: "_Seen" = field(default_factory=lambda: _Seen(), init=False, repr=False, compare=False)

    def gains(self, model: nn.Module, rows: Tensor) -> Tensor:
        """Return how much each image (M,) would lower the objective, were it picked next."""
        if self.likeness is not None:
            model = self.likeness.to(next(model.parameters()).device)
        head = self._head(model, rows) if len(rows) else None
        factors = head(rows) if head else self.recipe.factors(model, rows, self.mask)
        return score_new(self.state, factors).cpu()

    def _head(self, model: nn.Module, rows: Tensor) -> HeadMaker | None:
        seen, at = self._seen, (model, next(model.parameters()).device)
        if seen.at != at:
            seen.at, seen.head = at, self.recipe.head(model, rows, self.mask)
        return seen.head

    def stored(self) -> Stored:
        """Return the tensors and texts that it is rebuilt from."""
        tensors = {**self.state.to_tensors(), "mask": self.mask}
        if self.likeness is not None:
            # Several heads have the same one, and a file has no tensor twice.
            state = self.likeness.state_dict()
            tensors |= {f"{LIKENESS}.{name}": tensor.clone() for name, tensor in state.items()}
        return tensors, {"strategy": self.strategy, **self.recipe.to_metadata()}

    def save(self, path: Path) -> None:
        """Write it to a safetensors file."""
        save_tensors(path, *self.stored())


@dataclass
class _Seen:
    """The network that images were scored with last, and where: its head is not looked for again."""

    at: tuple[nn.Module, torch.device] | None = None
    head: HeadMaker | None = None


def likeness_of(stored: Mapping[str, Tensor]) -> nn.Module | None:
    """Return the network of a stored scorer's own; None where it has none."""
    state = under(stored, LIKENESS)
    return stored_likeness(state) if state else None
