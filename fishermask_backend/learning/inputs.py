"""The inputs cache: one memory-mapped file of rows for each project and backbone.

Whoever keeps the database decides what counts: a row is valid once its number is committed there.
So a row is written and flushed first, its number is returned, and the caller commits it; rows that
a killed process left behind lie beyond the last committed number and are simply written over.
"""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import DTypeLike, NDArray

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.state import whole_file

HEADER = 4096  # bytes in front of the first row: a JSON line, then spaces


class InputsUnusable(FisherMaskError):
    """The file does not hold the rows it should; forget them and start it afresh."""


class RowStore:
    """An array on disk that grows, of rows of one shape and dtype. One process writes at a time."""

    def __init__(
        self, path: Path, shape: tuple[int, ...], dtype: DTypeLike, *, committed: int = 0
    ) -> None:
        """Open the file, or make it if nothing is committed in it yet.

        Args:
            path: The file; its folder is made.
            shape: Of one row.
            dtype: Of its entries.
            committed: How many rows the caller counts on.

        Raises:
            InputsUnusable: The file is missing or shorter though rows are committed, or holds rows
                of another kind. Use `fresh` after forgetting them.
        """
        self.path = path
        self.shape = shape
        self.dtype = np.dtype(dtype)
        self._row_bytes = self.dtype.itemsize * int(np.prod(shape))
        if not path.exists() and not committed:
            self._create()
        try:
            self._file = path.open("r+b", buffering=0)
        except OSError as error:
            raise self._unusable(f"cannot be opened ({error.strerror})") from error
        try:
            self._check(committed)
        except InputsUnusable:
            self._file.close()
            raise
        self._rows: NDArray[Any] = self._mapped(0)

    @classmethod
    def fresh(cls, path: Path, shape: tuple[int, ...], dtype: DTypeLike) -> Self:
        """Replace whatever is at `path` by an empty store."""
        path.unlink(missing_ok=True)
        return cls(path, shape, dtype)

    @property
    def capacity(self) -> int:
        """Whole rows in the file, committed or not."""
        return max(0, os.fstat(self._file.fileno()).st_size - HEADER) // self._row_bytes

    def append(self, start: int, rows: NDArray[Any]) -> list[int]:
        """Write rows behind the committed ones and wait until they are on the disk.

        Args:
            start: The next free number: one above the highest that is committed.
            rows: (n, *shape) of the store's dtype.

        Returns:
            Their numbers, `start` onwards; commit them and they are valid.

        Raises:
            InputsUnusable: The file lacks rows in front of `start`.
            OSError: The disk is full, or failed; nothing is lost.
        """
        if rows.shape[1:] != self.shape or rows.dtype != self.dtype:
            raise ValueError(
                f"rows are {rows.dtype} {rows.shape}, the store holds {self.dtype} {self.shape}"
            )
        if start > self.capacity:
            raise self._unusable(f"holds {self.capacity} rows, {start} are committed")
        # Written, not stored into mapped memory: a full disk is then an error, not a SIGBUS.
        data = memoryview(rows.tobytes())
        self._file.seek(HEADER + start * self._row_bytes)
        while data:
            data = data[self._file.write(data) :]
        os.fsync(self._file.fileno())
        return list(range(start, start + len(rows)))

    def read(self, indices: Sequence[int] | NDArray[np.integer[Any]]) -> NDArray[Any]:
        """Return copies of rows (len(indices), *shape), in the order asked for.

        Raises:
            InputsUnusable: A number lies outside the file.
        """
        wanted = np.asarray(indices, dtype=np.int64)
        capacity = self.capacity
        if wanted.size and not 0 <= wanted.min() <= wanted.max() < capacity:
            raise self._unusable(f"holds {capacity} rows, row {wanted.max()} is wanted")
        if len(self._rows) != capacity:
            self._rows = self._mapped(capacity)
        return np.asarray(self._rows[wanted])

    def close(self) -> None:
        """Let go of the file; rows already read stay valid."""
        self._rows = self._mapped(0)
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _mapped(self, count: int) -> NDArray[Any]:
        if not count:  # an empty range of a file cannot be mapped
            return np.empty((0, *self.shape), self.dtype)
        return np.memmap(
            self._file, self.dtype, mode="r", offset=HEADER, shape=(count, *self.shape)
        )

    def _header(self) -> bytes:
        kind = {"rows": self.dtype.str, "shape": list(self.shape)}
        return json.dumps(kind).encode().ljust(HEADER - 1) + b"\n"

    def _create(self) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(self.path) as draft:
            draft.write_bytes(self._header())

    def _check(self, committed: int) -> None:
        if self._file.read(HEADER) != self._header():
            raise self._unusable(f"does not hold rows of {self.dtype} {self.shape}")
        if self.capacity < committed:
            raise self._unusable(f"holds {self.capacity} rows, {committed} are committed")

    def _unusable(self, what: str) -> InputsUnusable:
        return InputsUnusable(
            f"The inputs cache {self.path} {what}; its images have to be read again."
        )
