"""Per-image gradients of one parameter, squared and summed or read at single entries.

Rows come one after the other (row c of all images is one backward pass), and what is kept of each
is added up at once: nothing of size (N, C, P) is ever formed, and the gradients of a chunk stay in
the processor's cache.

Indices as in `layers.py`: n images, c rows, g groups, o outputs, i inputs, t positions; a row's
gradient is (N, G, O, T), patches are (N, G, I, T).
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from fishermask_backend.fisher.layers import Use
from fishermask_backend.fisher.recording import Recording

GATHER_COST = 16  # multiplying and adding single entries, against a matrix product's, per entry
BLOCK_ROWS = 16  # whose gradients are multiplied with the patches together
MOST_PAIRED = 16  # positions, or their pairs take more memory than all else
PAIRS_COST = 8  # squaring an entry of every image and row, in multiply-adds of a matrix product


class Group:
    """Parameters whose gradients come of the same output gradients: a layer's weight and bias.

    Attributes:
        uses: Of the first of them, in order.
        patches: Of each parameter (N, G, I, T); None for a bias, whose patches are 1.
    """

    def __init__(self, uses: list[Use]) -> None:
        """Begin with one parameter's uses."""
        self.uses = uses
        self.patches: dict[Tensor, Tensor | None] = {}

    @property
    def outputs(self) -> int:
        """O, outputs of one of the layer's groups."""
        return self.uses[0].layout[1]

    def gradient(self, row: dict[GradientEdge, Tensor]) -> Tensor:
        """Return the gradient (N, G, O, T) of a row; with more uses it has more positions."""
        return _joined([use.align(row[use.edge]) for use in self.uses])


def grouped(uses: dict[Tensor, list[Use]]) -> list[Group]:
    """Group the parameters that have uses, and compute their patches."""
    groups: dict[tuple[object, ...], Group] = {}
    for parameter, own in uses.items():
        if own:
            key = (own[0].layout[:2], *(use.edge for use in own))
            group = groups.setdefault(key, Group(own))
            made = [use.patches() for use in own if use.patches is not None]
            group.patches[parameter] = _joined(made) if made else None
    return list(groups.values())


def backward_rows(
    recording: Recording, groups: list[Group], vectors: Tensor
) -> Iterator[list[Tensor]]:
    """Back-propagate each vector through the whole batch: images are independent in eval mode.

    Args:
        recording: The forward pass.
        groups: Whose gradients are wanted.
        vectors: (N, C, logits).

    Yields:
        Per row c, of each group the gradient (N, G, O, T).
    """
    edges = list(dict.fromkeys(use.edge for group in groups for use in group.uses))
    for vector in vectors.unbind(1) if edges else ():
        gradients = torch.autograd.grad(recording.logits, edges, vector, retain_graph=True)
        row = dict(zip(edges, gradients, strict=True))
        yield [group.gradient(row) for group in groups]


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


class SquaredSum:
    """Σ_nc (Σ_t gradient · patch)² of every entry of a group's parameters.

    With few positions the square is multiplied out, Σ_tt' (Σ_c g_ct g_ct') x_t x_t': one matrix
    product over images and pairs of positions for all rows together. With many, the gradients of
    some rows are laid side by side, and every image's are formed by one product, squared and added.
    """

    def __init__(self, group: Group, rows: int) -> None:
        """Prepare for C rows."""
        self._group, self._rows = group, rows
        self._sums: dict[Tensor, Tensor] = {}  # (G, O, I), of images' gradients
        self._pairs: Tensor | None = None  # (N, G, O, pairs), Σ_c g_ct g_ct'
        self._block: Tensor | None = None  # (N, G, rows, O, T)
        self._held = 0

    def add(self, gradient: Tensor) -> None:
        """Add a row (N, G, O, T)."""
        N, G, O, T = gradient.shape
        if self._pairs is None and self._block is None:
            if T <= MOST_PAIRED and 2 * self._rows * (1 + PAIRS_COST / T) >= T + 1:
                self._pairs = gradient.new_zeros((N, G, O, T * (T + 1) // 2))
            else:
                self._block = gradient.new_empty((N, G, min(self._rows, BLOCK_ROWS), O, T))
        if self._pairs is not None:
            self._pairs.addcmul_(*_pairs(gradient))
        elif self._block is not None:
            self._block[:, :, self._held] = gradient
            self._held += 1
            if self._held == self._block.shape[2]:
                self._flush(self._block)

    def totals(self) -> dict[Tensor, Tensor]:
        """Return the sums over all rows so far, flattened as the parameters are: (G·O·I,)."""
        if self._pairs is not None:
            return {p: self._from_pairs(self._pairs, x) for p, x in self._group.patches.items()}
        if self._block is not None and self._held:
            self._flush(self._block)
        return {p: total.flatten() for p, total in self._sums.items()}

    def _from_pairs(self, pairs: Tensor, patches: Tensor | None) -> Tensor:
        T = round((2 * pairs.shape[-1] + 0.25) ** 0.5 - 0.5)
        twice = _twice(T, pairs)
        if patches is None:
            return (pairs * twice).sum((0, 3)).flatten()
        products = torch.mul(*_pairs(patches)) * twice
        left = pairs.permute(1, 2, 0, 3).flatten(2)  # (G, O, N·pairs)
        right = products.permute(1, 2, 0, 3).flatten(2)  # (G, I, N·pairs)
        return (left @ right.mT).flatten()

    def _flush(self, block: Tensor) -> None:
        """Form the gradients of the rows held, (N, G, I, rows·O), square and add them."""
        rows = block[:, :, : self._held].flatten(2, 3)  # (N, G, rows·O, T)
        for parameter, patches in self._group.patches.items():
            if patches is None:
                images = rows.sum(-1, keepdim=True).mT
            elif rows.shape[2] == self._held and patches.shape[2] == 1:  # numbers, not matrices
                images = (rows * patches).sum(-1, keepdim=True).mT
            else:
                images = patches @ rows.mT
            squares = images.square_().sum(0)
            total = squares.view(*squares.shape[:2], self._held, -1).sum(2).mT
            self._sums[parameter] = self._sums.get(parameter, 0) + total
        self._held = 0


def _pairs(tensor: Tensor) -> tuple[Tensor, Tensor]:
    """Return the factors of all pairs t ≤ t' along the last axis."""
    if tensor.shape[-1] == 1:
        return tensor, tensor
    first, second = torch.triu_indices(*2 * [tensor.shape[-1]], device=tensor.device)
    return tensor[..., first], tensor[..., second]


def _twice(T: int, like: Tensor) -> Tensor:
    """Return how often each pair t ≤ t' occurs among all t, t'."""
    first, second = torch.triu_indices(T, T, device=like.device)
    return torch.where(first == second, 1.0, 2.0).to(like)


class Entries:
    """Single entries of every image's gradient, read by whichever way costs least.

    With one position an entry is a product of two numbers. With more, either the entries' rows and
    columns are multiplied as one block, or, if most of that would go to waste, entry by entry.
    """

    def __init__(self, patches: Tensor | None, outputs: int, wanted: Tensor) -> None:
        """Prepare for flat indices (k,) into (G, O, I), with O outputs a group."""
        self._block: Tensor | None = None
        self._whole = False
        if patches is None:
            self._rows, self._patches = wanted, wanted.new_ones(())
            return
        _, G, I, T = patches.shape
        row, column = wanted // I, wanted // (outputs * I) * I + wanted % I
        patches = patches.flatten(1, 2)
        if G == T == 1 and len(wanted) == outputs * I and bool((wanted.diff() == 1).all()):
            self._whole, self._rows, self._patches = True, row, patches.mT
            return
        rows, row_place = torch.unique(row, return_inverse=True)
        columns, column_place = torch.unique(column, return_inverse=True)
        if T > 1 and len(rows) * len(columns) <= GATHER_COST * len(wanted):
            self._block = row_place * len(columns) + column_place
            row, column = rows, columns
        self._rows, self._patches = row, patches.index_select(1, column)

    def read(self, gradient: Tensor) -> Tensor:
        """Return the entries (N, k) of a row (N, G, O, T)."""
        gradient = gradient.flatten(1, 2)
        if self._whole:
            return (gradient * self._patches).flatten(1)
        picked = gradient.index_select(1, self._rows)
        if self._block is not None:
            return (picked @ self._patches.mT).flatten(1).index_select(1, self._block)
        picked *= self._patches
        return picked.squeeze(-1) if picked.shape[-1] == 1 else picked.sum(-1)
