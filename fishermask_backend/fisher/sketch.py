"""Fewer columns that keep inner products: a sparse Johnson–Lindenstrauss transform."""

import warnings

import torch
from torch import Tensor

BLOCKS = 8  # nonzeros a column


class Sketch:
    """A random matrix S (d, m) with x·y ≈ xS·yS.

    Each row has one entry ±1/√s in each of s blocks of columns (Kane and Nelson, Sparser
    Johnson–Lindenstrauss transforms, 2014, block construction). Without bias, and of standard
    deviation at most √(2/m)·‖x‖‖y‖.
    """

    def __init__(self, d: int, m: int, seed: int, like: Tensor) -> None:
        """Draw S with a seed, for tensors of the dtype and device of `like`.

        Raises:
            ValueError: There is no column to keep.
        """
        if m < 1:
            raise ValueError(f"max_dim={m} must be at least 1.")
        generator = torch.Generator().manual_seed(seed)
        edges = torch.linspace(0, m, min(BLOCKS, m) + 1).long()
        widths = edges.diff().unsqueeze(1)
        places = torch.rand((len(widths), d), generator=generator) * widths
        columns = edges[:-1].unsqueeze(1) + places.long().clamp_max(widths - 1)
        signs = torch.randint(0, 2, columns.shape, generator=generator) * 2 - 1
        rows = torch.arange(d).expand_as(columns)
        matrix = torch.sparse_coo_tensor(
            torch.stack([columns.flatten(), rows.flatten()]),
            signs.flatten().to(like.dtype) / len(widths) ** 0.5,
            (m, d),
            device=like.device,
            check_invariants=True,
        )
        with warnings.catch_warnings():  # CSR is «beta», and eight times as fast
            warnings.filterwarnings("ignore", "Sparse CSR tensor support")
            self._transposed = matrix.coalesce().to_sparse_csr()

    def __call__(self, rows: Tensor) -> Tensor:
        """Return rows S (n, m) of rows (n, d)."""
        shortened: Tensor = (self._transposed @ rows.T).T
        return shortened
