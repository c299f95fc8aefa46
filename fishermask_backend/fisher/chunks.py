"""Working through many images a chunk at a time, within a memory budget."""

import logging
from collections.abc import Callable

import torch

from fishermask_backend.fisher.recording import Recording

log = logging.getLogger(__name__)

CACHE_BYTES = 3 * 2**20  # chunks of about this size are fastest: they stay in the cache
CUDA_BYTES = 2**30  # and on a GPU those that keep all of it at work
MEMORY_BYTES = 2**30  # and a chunk may take this much to hold LEAST_IMAGES
LEAST_IMAGES = 32


def images_per_chunk(probe: Recording) -> int:
    """Return how many images to work on at once, by the recording of a single one."""
    uses = [use for own in probe.uses.values() for use in own]
    activations = sum({id(use.source): use.source.nbytes for use in uses}.values())
    gradients = max((use.parameter.nbytes for use in uses if use.source.ndim > 2), default=0)
    each = max(1, 4 * activations + gradients)  # patches and gradients are about as large again
    size = CUDA_BYTES if probe.logits.is_cuda else CACHE_BYTES
    return max(1, size // each, min(LEAST_IMAGES, MEMORY_BYTES // each))


def for_each_chunk(total: int, size: int, work: Callable[[int, int], None]) -> None:
    """Call work(start, stop) over range(total), halving the chunk when memory runs out.

    Args:
        total: N.
        size: Images a chunk, to begin with.
        work: Must leave nothing behind when it fails.

    Raises:
        torch.OutOfMemoryError: A single image does not fit.
    """
    keep_freed_memory()
    start = 0
    while start < total:
        stop = min(start + size, total)
        if _fits(work, start, stop):
            start = stop
        else:
            size = (stop - start + 1) // 2
            log.warning(
                "Out of memory with %d images at once: going on with %d.", stop - start, size
            )
            torch.cuda.empty_cache()


def keep_freed_memory() -> None:
    """Let glibc reuse the memory of one chunk for the next instead of returning it to the system.

    Fresh pages cost a fifth of the time. glibc raises its thresholds for giving memory back once a
    larger block was freed; 32 MiB is the most that it follows.
    """
    torch.empty(2**25 - 2**16, dtype=torch.uint8)


def _fits(work: Callable[[int, int], None], start: int, stop: int) -> bool:
    """Return whether the work was done; what it allocated is free again if not."""
    try:
        work(start, stop)
    except torch.OutOfMemoryError:
        if stop - start == 1:
            raise
        return False
    return True
