"""Images → rows, computed once: kept in MODEL_DIR with a journal of which row is whose.

A row is written and flushed first, then its line of the journal: a process that is killed in between
leaves a row that nobody points to, which the next one writes over.
"""

import hashlib
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images.decoding import Square
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.inputs import InputsUnusable, RowStore
from fishermask_backend.machine.locks import locked
from fishermask_backend.settings import Settings
from fishermask_backend.simulation import SimulationImpossible
from fishermask_backend.simulation.data import Images
from fishermask_backend.state import SIMULATED, whole_lines

AT_ONCE = 64  # images decoded and embedded together

Show = Callable[[int, int], None]  # how many are done, and of how many


@dataclass(frozen=True)
class Rows:
    """Where the rows of some images are.

    Attributes:
        path: The file.
        numbers: Their rows in it, image by image.
        shape: Of one row.
        dtype: Of its entries.
    """

    path: Path
    numbers: Sequence[int]
    shape: tuple[int, ...]
    dtype: str

    def read(self) -> NDArray[Any]:
        """Return them (N, *shape)."""
        with RowStore(self.path, self.shape, self.dtype) as store:
            return store.read(self.numbers)


@dataclass(frozen=True)
class Embedded:
    """What of some images is embedded.

    Attributes:
        rows: Of those that can be read.
        readable: Their numbers.
        failed: Why the others can't be, a sentence each.
    """

    rows: Rows
    readable: Sequence[int]
    failed: Sequence[str]


def embed(
    images: Images, wanted: Sequence[int], backbone: Backbone, settings: Settings, show: Show
) -> Embedded:
    """Embed those images that are not yet embedded.

    Args:
        images: All there are.
        wanted: The numbers of those whose rows are asked for.
        backbone: What embeds them.
        settings: MODEL_DIR, and how many images are read at a time.
        show: Told how far it is.

    Raises:
        SimulationImpossible: Another process embeds these images just now.
        OSError: The disk is full, or failed; what is embedded is kept.
    """
    failed: list[str] = []
    square = Square(backbone.image_size, backbone.interpolation)
    with _open(images, backbone, settings.model_dir) as kept:
        missing = [index for index in wanted if images.keys[index] not in kept.known]
        done = len(wanted) - len(missing)
        show(done, len(wanted))
        with ThreadPoolExecutor(settings.fetch_concurrency, thread_name_prefix="read") as readers:
            for start in range(0, len(missing), AT_ONCE):
                batch = missing[start : start + AT_ONCE]
                pixels = dict(
                    zip(
                        batch, readers.map(lambda i: _pixels(images, i, square), batch), strict=True
                    )
                )
                failed += [found for found in pixels.values() if isinstance(found, str)]
                read = {i: found for i, found in pixels.items() if not isinstance(found, str)}
                if read:
                    rows = backbone.rows(np.stack([*read.values()]))
                    kept.add([images.keys[index] for index in read], rows)
                done += len(batch)
                show(done, len(wanted))
        readable = [index for index in wanted if images.keys[index] in kept.known]
        numbers = [kept.known[images.keys[index]] for index in readable]
    rows_of = Rows(kept.store.path, numbers, backbone.row_shape, backbone.row_dtype.str)
    return Embedded(rows_of, readable, failed)


@dataclass
class _Kept:
    """The rows that are kept, and whose they are."""

    store: RowStore
    journal: Path
    known: dict[str, int]

    def add(self, keys: Sequence[str], rows: NDArray[Any]) -> None:
        numbers = self.store.append(max(self.known.values(), default=-1) + 1, rows)
        lines = [json.dumps([key, number]) for key, number in zip(keys, numbers, strict=True)]
        with self.journal.open("ab", buffering=0) as file:
            file.write("".join(f"{line}\n" for line in lines).encode())
            os.fsync(file.fileno())
        self.known.update(zip(keys, numbers, strict=True))


@contextmanager
def _open(images: Images, backbone: Backbone, model_dir: Path) -> Iterator[_Kept]:
    place = hashlib.sha256(images.place.encode()).hexdigest()[:10]
    called = re.sub(r"\W+", "_", Path(images.place).name)[:40]
    path = model_dir / SIMULATED.named(data=f"{called}-{place}", key=backbone.key)
    journal = path.with_suffix(".jsonl")
    path.parent.mkdir(parents=True, exist_ok=True)
    journal.touch()
    try:
        with locked(journal, wait=False):
            kept = _restore(path, journal, backbone)
            with kept.store:
                yield kept
    except BlockingIOError:
        raise SimulationImpossible(
            f"Another simulation embeds these images just now ({journal} is locked). Start this one "
            "when that is done."
        ) from None


def _restore(path: Path, journal: Path, backbone: Backbone) -> _Kept:
    known = _read(journal)
    kind = backbone.row_shape, backbone.row_dtype
    try:
        store = RowStore(path, *kind, committed=max(known.values(), default=-1) + 1)
    except InputsUnusable:  # lost or damaged: the journal says nothing any more
        journal.write_bytes(b"")
        return _Kept(RowStore.fresh(path, *kind), journal, {})
    return _Kept(store, journal, known)


def _read(journal: Path) -> dict[str, int]:
    """Return what a journal says: whose each row is."""
    return dict(json.loads(line) for line in whole_lines(journal).splitlines())


def _pixels(images: Images, index: int, square: Square) -> NDArray[np.uint8] | str:
    try:
        return images.pixels(index, square)
    except ImageUnavailable as error:
        return f"{images.names[index]}: {str(error).rstrip('.')}."
