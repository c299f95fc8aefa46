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
PAIRS_COST = 8  # squaring an entry of every image and row, in multiply-adds of a matrix product


def backward_rows(
    recording: Recording, uses: dict[Tensor, list[Use]], seeds: Tensor
) -> Iterator[dict[Tensor, Tensor]]:
    """Back-propagate each seed through the whole batch: images are independent in eval mode.

    Args:
        recording: The forward pass.
        uses: Of the parameters that are wanted.
        seeds: (N, C, logits).

    Yields:
        Per row c, of each parameter with uses, the gradient (N, G, O, T); a parameter used twice
        just has more positions.
    """
    edges = list(dict.fromkeys(use.edge for own in uses.values() for use in own))
    for c in range(seeds.shape[1] if edges else 0):
        row = dict(zip(edges, _backward(recording.logits, edges, seeds[:, c]), strict=True))
        yield {
            p: _joined([use.align(row[use.edge]) for use in own]) for p, own in uses.items() if own
        }


def patches_of(uses: list[Use]) -> Tensor:
    """Return a parameter's patches (N, G, I, T) of all its uses."""
    return _joined([use.patches() for use in uses])


def _joined(parts: list[Tensor]) -> Tensor:
    return parts[0] if len(parts) == 1 else torch.cat(parts, -1)


def _backward(logits: Tensor, edges: list[GradientEdge], seed: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(logits, edges, seed, retain_graph=True)


class SquaredSum:
    """Σ_nc (Σ_t gradient · patch)² of every entry of a parameter.

    With few positions the square is multiplied out, Σ_tt' (Σ_c g_ct g_ct') x_t x_t': one matrix
    product over images and pairs of positions for all rows together. With many, the gradients of
    some rows are laid side by side, and every image's are formed by one product, squared and added.
    """

    def __init__(self, patches: Tensor, outputs: int, rows: int) -> None:
        """Prepare for C rows of gradients with O outputs a group."""
        N, G, I, T = patches.shape
        self._patches = patches
        self._by_pairs = 2 * rows * (1 + PAIRS_COST / T) >= T + 1 and outputs * I > 1
        if self._by_pairs:
            self._first, self._second = torch.triu_indices(T, T, device=patches.device)
            self._total = patches.new_zeros((N, G, outputs, len(self._first)))
        else:
            self._total = patches.new_zeros((G, I, outputs))
            self._block = patches.new_empty((N, G, min(rows, BLOCK_ROWS), outputs, T))
            self._held = 0

    def add(self, gradient: Tensor) -> None:
        """Add a row (N, G, O, T)."""
        if self._by_pairs:
            self._total.addcmul_(*self._pairs(gradient))
            return
        self._block[:, :, self._held] = gradient
        self._held += 1
        if self._held == self._block.shape[2]:
            self._flush()

    def total(self) -> Tensor:
        """Return the sum over all rows so far, flattened as the parameter is: (G·O·I,)."""
        if not self._by_pairs:
            if self._held:
                self._flush()
            return self._total.mT.flatten()
        products = torch.mul(*self._pairs(self._patches))
        products *= torch.where(self._first == self._second, 1.0, 2.0).to(products)
        left = self._total.permute(1, 2, 0, 3).flatten(2)  # (G, O, N·pairs)
        right = products.permute(1, 2, 0, 3).flatten(2)  # (G, I, N·pairs)
        return (left @ right.mT).flatten()

    def _pairs(self, tensor: Tensor) -> tuple[Tensor, Tensor]:
        if tensor.shape[-1] == 1:
            return tensor, tensor
        return tensor[..., self._first], tensor[..., self._second]

    def _flush(self) -> None:
        rows = self._block[:, :, : self._held].flatten(2, 3)  # (N, G, rows·O, T)
        if self._total[0].numel() == 1:  # a scale: products of numbers, not of matrices
            images = (rows * self._patches).sum(-1, keepdim=True).mT
        else:
            images = self._patches @ rows.mT  # (N, G, I, rows·O)
        squares = images.square_().sum(0)
        self._total += squares.view(*squares.shape[:2], self._held, -1).sum(2)
        self._held = 0


class Entries:
    """Single entries of every image's gradient, read by whichever way costs least.

    With one position an entry is a product of two numbers. With more, either the entries' rows and
    columns are multiplied as one block, or, if most of that would go to waste, entry by entry.
    """

    def __init__(self, patches: Tensor, outputs: int, wanted: Tensor) -> None:
        """Prepare for flat indices (k,) into (G, O, I), with O outputs a group."""
        _, G, I, T = patches.shape
        row, column = wanted // I, wanted // (outputs * I) * I + wanted % I
        patches = patches.flatten(1, 2)
        self._block: Tensor | None = None
        self._whole = (
            G == T == 1 and len(wanted) == outputs * I and bool((wanted.diff() == 1).all())
        )
        if self._whole:
            self._patches = patches.mT
            return
        rows, row_place = torch.unique(row, return_inverse=True)
        columns, column_place = torch.unique(column, return_inverse=True)
        if T > 1 and len(rows) * len(columns) <= GATHER_COST * len(wanted):
            self._block = row_place * len(columns) + column_place
            row, column = rows, columns
        self._rows, self._patches = row, patches.index_select(1, column)
        if T == 1:
            self._patches = self._patches.squeeze(-1)

    def read(self, gradient: Tensor) -> Tensor:
        """Return the entries (N, k) of a row (N, G, O, T)."""
        gradient = gradient.flatten(1, 2)
        if self._whole:
            return (gradient * self._patches).flatten(1)
        if self._patches.ndim == 2:
            return gradient.squeeze(-1).index_select(1, self._rows).mul_(self._patches)
        picked = gradient.index_select(1, self._rows)
        if self._block is None:
            return (picked * self._patches).sum(-1)
        return (picked @ self._patches.mT).flatten(1).index_select(1, self._block)
