"""The images' factors as the selection uses them, whatever they are made of.

An image's factor V_n (C, d) is a linear map. The selection never looks at its entries: it needs sums
Σ w_n V_nᵀV_n, products V_n Wᵀ with a few rows W, and now and then V_n itself. Factors that have a
structure give these without forming V (`head.py`); here is what holds for all of them, and those
that are a tensor.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from fishermask_backend.fisher.chunks import for_each_chunk
from fishermask_backend.fisher.parallel import over_parts

STEP_BYTES = 2**22  # in work at a time, in a pick's products: what a processor's cache holds
PASS_BYTES = 2**26  # and in a pass whose matrix products are large
APART_BYTES = 2**28  # in work at a time on all cores, a chunk each
CUDA_BYTES = 2**28  # and at least on a CUDA device
GRAM_COLUMNS = 256


class Factors(ABC):
    """V_n (C, d) of N images.

    Images are named by indices (n,) into the N, int64, ascending, on the CPU. Results are float64, on
    the device of the factors.

    Attributes:
        shape: (N, C, d).
        device: Where the arithmetic is done.
        structured: Whether V_n S V_nᵀ costs less than multiplying V_n itself with a (d, d) matrix.
        order: The order (d,) in which `times` wants a matrix's rows; None: as they are.
        make: What all factors of a network and mask share; a matrix is prepared for it.
    """

    structured = False
    order: Tensor | None = None
    make: object = None

    def __init__(self, shape: tuple[int, int, int], device: torch.device) -> None:
        self.shape, self.device = shape, device

    def __len__(self) -> int:
        """Return N."""
        return self.shape[0]

    @abstractmethod
    def __getitem__(self, images: Tensor) -> "Factors":
        """Return the factors of some images, which are copied out."""

    @property
    @abstractmethod
    def image_bytes(self) -> int:
        """Bytes of memory that an image takes for as long as the factors live."""

    @abstractmethod
    def rows(self, images: Tensor) -> Tensor:
        """Return V (n, C, d) of some images."""

    def gram(self, images: Tensor, weights: Tensor | None = None) -> Tensor:
        """Return Σ w_n V_nᵀV_n (d, d); being symmetric, half of it is computed.

        Args:
            images: Which (n,).
            weights: w (n,) of any sign; None: 1.
        """
        d = self.shape[2]
        total = torch.zeros((d, d), dtype=torch.float64, device=self.device)

        def add(part: slice, images: Tensor) -> None:
            V = self.rows(images)
            weighed = V if weights is None else V * _weights(weights[part], V)
            V, weighed = V.flatten(0, 1), weighed.flatten(0, 1)
            for start in range(0, d, GRAM_COLUMNS):
                stop = start + GRAM_COLUMNS
                total[:stop, start:stop].addmm_(V[:, :stop].T, weighed[:, start:stop])

        self.over(images, PASS_BYTES, self._row_bytes, add)
        return symmetric(total)

    def blocks(self, images: Tensor, S: Tensor) -> Tensor:
        """Return V_n S V_nᵀ (n, C, C) for a symmetric S (d, d)."""
        found = torch.empty(
            (len(images), self.shape[1], self.shape[1]), dtype=torch.float64, device=self.device
        )

        def compute(part: slice, images: Tensor) -> None:
            V = self.rows(images)
            found[part] = (V.flatten(0, 1) @ S).view_as(V) @ V.mT

        self.over(images, PASS_BYTES, self._row_bytes, compute)
        return found

    def times(self, image: Tensor, matrices: Sequence[Tensor]) -> list[Tensor]:
        """Return V_n S (C, d) of one image (1,) for each S (d, d), whose rows come in `order`."""
        V = self.rows(image)[0]
        return [V @ S for S in matrices]

    def prepared(self, S: Tensor) -> list[Tensor]:
        """Return a symmetric S (d, d) in the parts that `block` wants."""
        return [S]

    def block(self, image: Tensor, prepared: list[Tensor]) -> Tensor:
        """Return V_n S V_nᵀ (C, C) of one image (1,) by a matrix that was prepared once."""
        return self.blocks(image, prepared[0])[0]

    def products(self, images: Tensor, W: Tensor, use: Callable[[slice, Tensor], None]) -> None:
        """Call use(part of the images, their W V_nᵀ (n, r, C)) until all have come.

        Args:
            images: Which.
            W: (r, d).
            use: Takes a slice of `images` and the products of these, contiguous.
        """

        def multiply(part: slice, images: Tensor) -> None:
            V = self.rows(images)
            rows = (W @ V.flatten(0, 1).T).view(len(W), *V.shape[:2])
            use(part, rows.permute(1, 0, 2).contiguous())

        self.over(images, STEP_BYTES, self._row_bytes, multiply)

    def at_hand(self, images: Tensor) -> tuple["Factors", Tensor]:
        """Return factors whose products come faster, and which of theirs stand for some images (n,)."""
        return self, images

    def over(
        self,
        images: Tensor,
        size: int,
        each: int,
        work: Callable[[slice, Tensor], None],
        *,
        apart: bool = False,
    ) -> None:
        """Call work(part of the images, those images) for all of them, a chunk at a time.

        Args:
            images: Which.
            size: Bytes in work at a time.
            each: Bytes that an image takes meanwhile.
            work: Must leave nothing behind when memory runs out.
            apart: No two chunks touch the same place, so that each core may have one, if small.
        """
        if self.device.type == "cuda":
            size = max(size, CUDA_BYTES)
        go = for_each_chunk
        if apart and self.device.type == "cpu" and size * torch.get_num_threads() <= APART_BYTES:
            go = over_parts
        go(
            len(images),
            max(1, size // max(each, 1)),
            lambda start, stop: work(slice(start, stop), images[start:stop]),
        )

    @property
    def _row_bytes(self) -> int:
        return 8 * self.shape[1] * self.shape[2]


class DenseFactors(Factors):
    """Factors of any network, as `masked_factors` gives them: V (N, C, d) of any floating dtype."""

    def __init__(self, V: Tensor) -> None:
        """Wrap V, wherever it lies: in memory, in a file, on a GPU."""
        N, C, d = V.shape
        super().__init__((N, C, d), V.device)
        self._V = V

    @property
    def image_bytes(self) -> int:
        """Bytes of V, wherever it lies."""
        return self.shape[1] * self.shape[2] * self._V.element_size()

    def __getitem__(self, images: Tensor) -> "DenseFactors":
        return DenseFactors(gathered(self._V, images))

    def rows(self, images: Tensor) -> Tensor:
        """Return V (n, C, d) of some images."""
        return gathered(self._V, images).double()


def as_factors(factors: Tensor | Factors) -> Factors:
    """Return factors that may be given as a tensor V (N, C, d).

    Raises:
        ValueError: The tensor has not three axes.
    """
    if isinstance(factors, Factors):
        return factors
    if factors.ndim != 3:
        raise ValueError(f"The pool must be factors (N, C, d), it is {tuple(factors.shape)}.")
    return DenseFactors(factors)


def gathered(tensor: Tensor, images: Tensor) -> Tensor:
    """Return tensor[images]; of images in a row without a copy."""
    if not len(images):
        return tensor[:0]
    first, last = int(images[0]), int(images[-1])
    in_a_row = last - first + 1 == len(images)
    return tensor[first : last + 1] if in_a_row else tensor[images.to(tensor.device)]


def symmetric(upper: Tensor) -> Tensor:
    """Return the symmetric matrix with this upper triangle, in its place: (d, d) is changed."""
    for start in range(0, len(upper), GRAM_COLUMNS):
        stop = start + GRAM_COLUMNS
        own = upper[start:stop, start:stop]
        upper[start:stop, start:stop] = own.triu() + own.triu(1).T
        upper[stop:, start:stop] = upper[start:stop, stop:].T
    return upper


def sandwiched(inner: Tensor, outer: Tensor) -> Tensor:
    """Return outer · inner · outer of symmetric (d, d); of the second product half is computed."""
    left, d = outer @ inner, len(outer)
    total = torch.zeros_like(outer)
    for start in range(0, d, GRAM_COLUMNS):
        stop = start + GRAM_COLUMNS
        total[:stop, start:stop] = left[:stop] @ outer[:, start:stop]
    return symmetric(total)


def _weights(weights: Tensor, like: Tensor) -> Tensor:
    return weights.to(like).view(-1, 1, 1)
