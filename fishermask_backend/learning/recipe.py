"""How a round makes its factors: exactly, or by the approximations that the settings name."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Protocol

from torch import Tensor, nn

from fishermask_backend.controls.heads import Likelihood
from fishermask_backend.fisher import HeadMaker, fisher_diagonal, head_maker, masked_factors
from fishermask_backend.fisher.likelihood import Weighting
from fishermask_backend.learning.tensors import TensorsUnusable
from fishermask_backend.settings import Settings


class Asked(Protocol):
    """What a control asks of an image."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes."""

    @property
    def likelihood(self) -> Likelihood:
        """Whether an image has one of them, or any number."""


@dataclass(frozen=True)
class FactorRecipe:
    """What makes factors V of a network, rows and a mask; a stored scorer goes with its recipe.

    Attributes:
        likelihood: Of the labels.
        weighting: See `masked_factors`.
        top_classes: Classes of each image that count; None: all.
        sketch_dim: Columns a larger mask is sketched down to; None: none is.
        seed: Of the sketch.
        scalar: They are made of a network with one output, whose gradient alone is the factor, instead
            of one with an output for each class (`likeness.py`).
    """

    likelihood: Likelihood
    weighting: Weighting
    top_classes: int | None = None
    sketch_dim: int | None = None
    seed: int = 0
    scalar: bool = False

    @classmethod
    def of(cls, settings: Settings, asked: "Asked") -> "FactorRecipe":
        """Return the recipe that the settings ask for, of one control."""
        top = settings.top_classes
        return cls(
            likelihood=asked.likelihood,
            weighting=settings.weighting,
            top_classes=top if 0 < top < len(asked.classes) else None,
            sketch_dim=settings.max_dim if settings.max_dim_rule == "sketch" else None,
            seed=settings.seed,
        )

    def by_likeness(self) -> "FactorRecipe":
        """Return how factors are made of one output's gradient, whatever the classes are."""
        return replace(self, weighting="uniform", top_classes=None, scalar=True)

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str]) -> "FactorRecipe":
        """Read what `to_metadata` wrote.

        Raises:
            TensorsUnusable: It is not there, or not a recipe's.
        """
        try:
            return cls(**json.loads(metadata["recipe"]))
        except (KeyError, TypeError, ValueError) as error:
            raise TensorsUnusable(
                f"A stored scorer lacks its recipe ({error!r}); the next round writes a new one."
            ) from error

    def to_metadata(self) -> dict[str, str]:
        """Return texts to store beside a scorer."""
        return {"recipe": json.dumps(asdict(self))}

    def shape(self, classes: int, mask_size: int) -> tuple[int, int]:
        """Return (C, d) of one image's factor."""
        rows = 1 if self.scalar else self.top_classes or classes
        return rows, min(mask_size, self.sketch_dim or mask_size)

    def diagonal(self, model: nn.Module, rows: Tensor) -> Tensor:
        """Return the Fisher diagonal (P,) of a network over rows."""
        return fisher_diagonal(
            model, rows, likelihood=self._label_model, top_classes=self.top_classes
        )

    def factors(
        self, model: nn.Module, rows: Tensor, mask: Tensor, out: Tensor | None = None
    ) -> Tensor:
        """Return V (N, C, d) on the network's device, or in `out`."""
        device = next(model.parameters()).device
        return masked_factors(
            model,
            rows if out is not None else rows.to(device),
            mask.to(device),
            weighting=self.weighting,
            likelihood=self._label_model,
            top_classes=self.top_classes,
            max_dim=self.sketch_dim,
            seed=self.seed,
            out=out,
        )

    def head(self, model: nn.Module, rows: Tensor, mask: Tensor) -> HeadMaker | None:
        """Return what makes `factors` without forming them, by the structure of the network's head.

        Args:
            model: The network.
            rows: Some of the pool's (N, ...), at least one, wherever they lie.
            mask: (d,).

        Returns:
            None where the mask reaches beyond a head, and where columns are sketched.
        """
        if self.sketch_dim and len(mask) > self.sketch_dim:
            return None
        return head_maker(
            model,
            rows,
            mask,
            weighting=self.weighting,
            likelihood=self._label_model,
            top_classes=self.top_classes,
        )

    @property
    def _label_model(self) -> Likelihood:
        return "bernoulli" if self.scalar else self.likelihood
