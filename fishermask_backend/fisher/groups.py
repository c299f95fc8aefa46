"""How the masked entries of a head are grouped by the direction in which they move the logits."""

from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor


@dataclass(frozen=True)
class Groups:
    """How masked entries are grouped. Entries are sorted by group.

    Attributes:
        directions: B (C, G) float64; its first C columns are the identity.
        group: Group of each entry (d,), ascending.
        source: Of each entry the row of `HeadFactors`'s inputs that holds ψ (d,).
        place: Of each entry its column of V (d,).
        shared: H; the first H rows of the inputs belong to all of the first C groups, the others
            follow one behind the other, each entry of the remaining groups having its own.
    """

    directions: Tensor
    group: Tensor
    source: Tensor
    place: Tensor
    shared: int

    @cached_property
    def edges(self) -> list[int]:
        """The first entry of each group, and d (G + 1,)."""
        sizes = torch.bincount(self.group, minlength=self.directions.shape[1])
        return [0, *sizes.cumsum(0).tolist()]

    def part(self, group: int) -> slice:
        """Return where a group's entries are."""
        return slice(self.edges[group], self.edges[group + 1])

    @property
    def outer(self) -> int:
        """Number of entries of the last layer, which come first."""
        return self.edges[self.directions.shape[0]]

    def sorted(self, matrix: Tensor) -> Tensor:
        """Return a symmetric matrix (d, d) over V's columns in the order of the entries."""
        return matrix if self.in_order else matrix[self.place][:, self.place]

    def unsorted(self, matrix: Tensor) -> Tensor:
        """Return it in the order of V's columns again."""
        if self.in_order:
            return matrix
        back = torch.argsort(self.place)
        return matrix[back][:, back]

    @cached_property
    def in_order(self) -> bool:
        """Whether V's columns are in the order of the entries."""
        return bool((self.place.diff() == 1).all())
