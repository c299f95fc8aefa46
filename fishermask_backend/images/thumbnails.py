"""Thumbnails of embedded images: one file a project, a slot for each row of the inputs file.

A slot has the number of the image's row, so a thumbnail lives and goes as the row does: another image
is another row, and what begins the rows anew begins the thumbnails anew. Slots that were never written
are holes of the file and take no room.
"""

import io
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

SLOT = 6000  # bytes: two say how long the picture is, and it follows
SIDE = 160  # pixels of the longer side, at most
_QUALITIES = (72, 60, 45, 30, 15, 5)
_LENGTH = 2


def thumbnail(pixels: NDArray[np.uint8], width: int, height: int) -> bytes:
    """Return a small JPEG of an image, in its own shape.

    Args:
        pixels: RGB, (3, S, S): the image as it is embedded, squashed to a square.
        width: Of the image itself; with `height` it gives the shape, the unit is free.
        height: Likewise.

    Returns:
        At most `SLOT` - 2 bytes.
    """
    longer = min(SIDE, pixels.shape[1]) / max(width, height)
    size = (max(1, round(width * longer)), max(1, round(height * longer)))
    small = Image.fromarray(np.ascontiguousarray(pixels.transpose(1, 2, 0))).resize(
        size, Image.Resampling.BILINEAR
    )
    body = b""
    for quality in _QUALITIES:
        file = io.BytesIO()
        small.save(file, "JPEG", quality=quality, optimize=True)
        body = file.getvalue()
        if len(body) <= SLOT - _LENGTH:
            return body
    return thumbnail(pixels[:, ::2, ::2], width, height)  # noise: half the side has a quarter of it


class Thumbnails:
    """The thumbnails of a project; one process writes, any number read.

    Args:
        path: The file; it need not be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def put(self, pictures: Mapping[int, bytes]) -> None:
        """Write thumbnails, by row. A former one of the row is replaced.

        Raises:
            OSError: The disk is full, or failed.
        """
        if not pictures:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.touch()
        with self._path.open("r+b") as file:
            for row, body in pictures.items():
                file.seek(row * SLOT)
                file.write((len(body).to_bytes(_LENGTH, "little") + body).ljust(SLOT, b"\0"))

    def get(self, row: int) -> bytes:
        """Return a row's thumbnail; empty where there is none."""
        with suppress(FileNotFoundError), self._path.open("rb") as file:
            file.seek(row * SLOT)
            slot = file.read(SLOT)
            length = int.from_bytes(slot[:_LENGTH], "little")
            body = slot[_LENGTH : _LENGTH + length]
            return body if len(body) == length else b""
        return b""

    def there(self, rows: Iterable[int]) -> set[int]:
        """Return those of the rows that have a thumbnail."""
        found: set[int] = set()
        with suppress(FileNotFoundError), self._path.open("rb") as file:
            for row in rows:
                file.seek(row * SLOT)
                if any(file.read(_LENGTH)):
                    found.add(row)
        return found
