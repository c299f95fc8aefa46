"""Which images a selection looks at: as many as memory holds."""

from typing import NamedTuple

import torch
from torch import Tensor

from fishermask_backend.fisher import Shards
from fishermask_backend.learning.storage import STORAGES
from fishermask_backend.learning.trained import Trained
from fishermask_backend.machine.device import free_gpu_bytes
from fishermask_backend.settings import Settings


class Memory(NamedTuple):
    """A memory that images take up.

    Attributes:
        name: For people.
        size: Bytes there are.
        fixed: Bytes taken whatever the pool.
        each: Bytes an image takes.
    """

    name: str
    size: int
    fixed: int
    each: int

    def need(self, images: int) -> int:
        """Return the bytes so many images take."""
        return self.fixed + self.each * images


def within_memory(
    trained: Trained, mask_size: int, settings: Settings, shards: Shards
) -> tuple[Tensor, list[str]]:
    """Return the images (M,) that the selection looks at, and what memory left out, as sentences.

    All that fit, drawn at random; of labelled ones none is left out, nor fewer than a queue others.
    """
    labelled = trained.labelled
    wanted = torch.nonzero(labelled | trained.servable).flatten()
    least = int(labelled.sum()) + settings.queue_size
    memories = _memories(trained, mask_size, settings, shards)
    room, tightest = min(((m.size - m.fixed) // m.each, m) for m in memories)
    room = max(least, room)
    if len(wanted) <= room:
        return wanted, []
    generator = torch.Generator().manual_seed(settings.seed)
    order = torch.rand(len(wanted), generator=generator) - labelled[wanted].double()
    kept = wanted[torch.argsort(order)[:room]].sort().values
    roomier = STORAGES[settings.factors].roomier
    holds_more = f" FACTORS={roomier} holds more." if roomier else ""
    note = (
        f"Candidates are a random {room} of {len(wanted)} images: more would need "
        f"{tightest.need(len(wanted)) / 2**30:.1f} GiB, above {tightest.name} "
        f"({tightest.size / 2**30:.1f} GiB). The rest is ordered by marginal gain.{holds_more}"
    )
    return kept, [note]


def _memories(trained: Trained, mask_size: int, settings: Settings, shards: Shards) -> list[Memory]:
    """Return what bounds the pool: this machine's memory, and a GPU's where that has the factors."""
    shape = trained.recipe.shape(trained.num_classes, mask_size)

    def memory(name: str, size: int, row: int, entry: int, processes: int) -> Memory:
        fixed, one = (bytes_needed(n, *shape, row, factor_bytes=entry) for n in (0, 1))
        return Memory(name, size, processes * fixed, max(1, one - fixed))

    row, entry = trained.rows[0].nbytes, STORAGES[settings.factors].memory
    allowed = settings.memory_allowed
    if trained.device.type != "cuda" or not entry:
        return [memory("MEMORY_LIMIT", allowed, row, entry, shards.size)]
    like = torch.zeros((), device=trained.device)
    least = -int(shards.largest(-float(free_gpu_bytes(trained.device)), like)) * shards.size
    return [
        memory("MEMORY_LIMIT", allowed, row, 0, shards.size),
        memory("what is free on the GPU", least, 0, entry, shards.size),
    ]


def bytes_needed(
    images: int, num_classes: int, mask_size: int, row_bytes: int, *, factor_bytes: int = 4
) -> int:
    """Estimate the bytes that a round needs at its peak.

    N·(2·row + b·C·d + 40·C²) + 56·d² + 1 GiB: the rows of the pool and of the candidates; the
    factors V (N, C, d); the two C×C matrices that the selection keeps of each image, the three
    that its gain takes, and seven d×d ones; the libraries and chunks in work.

    Args:
        images: N, candidates and labelled.
        num_classes: C.
        mask_size: d, the last layer included.
        row_bytes: Bytes of one row.
        factor_bytes: b, bytes of an entry of V: 4 in float32, 0 where V lies on the disk.
    """
    factors = factor_bytes * num_classes * mask_size + 40 * num_classes**2
    return images * (2 * row_bytes + factors) + 56 * mask_size**2 + 2**30
