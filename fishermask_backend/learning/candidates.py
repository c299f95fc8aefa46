"""Which images a selection looks at: as many as memory holds."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from fishermask_backend.fisher import HeadMaker, Shards, selection_bytes
from fishermask_backend.learning.storage import STORAGES
from fishermask_backend.learning.trained import Trained
from fishermask_backend.machine.device import free_gpu_bytes
from fishermask_backend.settings import Settings

LIMIT = "MEMORY_LIMIT"
LIBRARIES = 2**30  # bytes of libraries and chunks in work

Made = tuple[Tensor, HeadMaker | None]  # a head's mask, and what makes its factors by structure


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
    trained: Trained, made: Sequence[Made], settings: Settings, shards: Shards
) -> tuple[Tensor, list[str]]:
    """Return the images (M,) that the selection looks at, and what memory left out, as sentences.

    All that fit, drawn at random; of labelled ones none is left out, nor fewer than a queue others.
    Where memory does not hold even these, that is said.

    Args:
        trained: The network and its pool.
        made: Of each head the mask (d,), and what makes its factors; None: they are formed.
        settings: The limit of memory, FACTORS, the queue's size and the seed.
        shards: The processes that share the work.
    """
    labelled = trained.labelled
    wanted = torch.nonzero(labelled | trained.servable).flatten()
    least = int(labelled.sum()) + settings.queue_size
    found = memories(trained, made, settings, shards)
    fit, tightest = min(((m.size - m.fixed) // m.each, m) for m in found)
    room = min(max(least, fit), len(wanted))
    notes = []
    if room < len(wanted):
        formed = any(maker is None for _, maker in made)
        roomier = STORAGES[settings.factors].roomier if formed else None
        notes.append(
            f"Candidates are a random {room} of {len(wanted)} images: more would need "
            f"{_gib(tightest.need(len(wanted)))}, above {tightest.name} ({_gib(tightest.size)}). The "
            "rest is ordered by marginal gain."
            + (f" FACTORS={roomier} holds more." if roomier else "")
        )
    if room > fit:
        notes.append(
            f"{tightest.name} ({_gib(tightest.size)}) is exceeded: labelled images and a queue are "
            f"looked at in any case, and these {room} need {_gib(tightest.need(room))}."
        )
    generator = torch.Generator().manual_seed(settings.seed)
    order = torch.rand(len(wanted), generator=generator) - labelled[wanted].double()
    return wanted[torch.argsort(order)[:room]].sort().values, notes


def _gib(size: int) -> str:
    return f"{size / 2**30:.1f} GiB"


def memories(
    trained: Trained, made: Sequence[Made], settings: Settings, shards: Shards
) -> list[Memory]:
    """Return what bounds the pool; rows and libraries are there once, whatever the number of heads.

    Args:
        trained: The network and its pool.
        made: See `within_memory`.
        settings: The limit of memory, and FACTORS.
        shards: The processes that share the work.
    """
    heads = zip(trained.heads, made, strict=True)
    of_heads = [_of_head(head, *each, settings, shards) for head, each in heads]
    more, row = len(of_heads) - 1, trained.rows[:1].nbytes
    found = []
    for own in zip(*of_heads, strict=True):
        first = own[0]
        rows = 2 * row if first.name == LIMIT else 0
        fixed = sum(m.fixed for m in own) - more * shards.size * LIBRARIES
        each = sum(m.each for m in own) - more * rows
        found.append(Memory(first.name, first.size, fixed, max(1, each)))
    return found


def _of_head(
    trained: Trained, mask: Tensor, head: HeadMaker | None, settings: Settings, shards: Shards
) -> list[Memory]:
    """Return what bounds the pool of one head.

    This machine's memory has the rows, and the factors unless a GPU has them; with the factors lies
    what the selection keeps beside them.
    """
    R, d = trained.recipe.shape(trained.num_classes, len(mask))
    entry, row = STORAGES[settings.factors].memory, trained.rows[:1].nbytes
    factors = R * d * entry if head is None else head.image_bytes

    def memory(name: str, size: int, **each: int) -> Memory:
        fixed, one = (bytes_needed(images, **each) for images in (0, 1))
        return Memory(name, size, shards.size * fixed, max(1, one - fixed))

    allowed = settings.memory_allowed
    if trained.device.type != "cuda" or (head is None and not entry):
        needs = {"row_bytes": row, "factor_bytes": factors, "classes": R, "mask_size": d}
        return [memory(LIMIT, allowed, **needs)]
    like = torch.zeros((), device=trained.device)
    least = -int(shards.largest(-float(free_gpu_bytes(trained.device)), like)) * shards.size
    on_gpu = {"factor_bytes": factors, "classes": R, "mask_size": d}
    return [
        memory(LIMIT, allowed, row_bytes=row),
        memory("what is free on the GPU", least, **on_gpu),
    ]


def bytes_needed(
    images: int,
    *,
    row_bytes: int = 0,
    factor_bytes: int = 0,
    classes: int = 0,
    mask_size: int = 0,
) -> int:
    """Estimate the bytes that a round needs at its peak, or the part of it that one memory holds.

    N·(2·row + factors + 16·R²) + 56·d² + 1 GiB: the rows of the pool and of the candidates; the
    factors; what `selection_bytes` says; the libraries and chunks in work.

    Args:
        images: N, candidates and labelled.
        row_bytes: Bytes of one row.
        factor_bytes: Bytes of memory that one image's factors take: b·R·d where they are formed, b = 4
            in float32 and 0 on the disk; else `Factors.image_bytes`.
        classes: R, those of an image that count.
        mask_size: d, the last layer included.
    """
    each = 2 * row_bytes + factor_bytes
    return images * each + selection_bytes(images, classes, mask_size) + LIBRARIES
