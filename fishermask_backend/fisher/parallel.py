"""Sharing out images among the processor's cores, one core a chunk.

A small network's operations are too short to be shared among cores one by one: cores wait for each
other at every one of them, and most where other programs run. Chunks of images need not wait.
"""

import copy
import os
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache

import torch
from torch import nn

from fishermask_backend.fisher.chunks import LEAST_IMAGES, for_each_chunk, keep_freed_memory
from fishermask_backend.fisher.recording import gradients_on, trained_parameters

Work = Callable[[nn.Module, int, int, int], None]

_sharing = threading.Lock()


@cache
def _threads(count: int) -> ThreadPoolExecutor:
    """Return threads that stay: new ones would begin with no memory of their own."""
    return ThreadPoolExecutor(count, "fisher")


os.register_at_fork(after_in_child=_threads.cache_clear)


def shares(model: nn.Module, total: int) -> int:
    """Return among how many threads `over_images` shares out so many images."""
    on_cpu = trained_parameters(model)[0].device.type == "cpu"
    return max(1, min(torch.get_num_threads(), total // LEAST_IMAGES)) if on_cpu else 1


def over_images(model: nn.Module, total: int, size: int, count: int, work: Work) -> None:
    """Call work(model, share, start, stop) over range(total), chunks in turn to each share.

    Which image is in which share and chunk depends on these numbers alone, so that sums kept by
    share are the same in every run.

    Args:
        model: In eval mode; see `differentiable`.
        total: N.
        size: Images a chunk, to begin with.
        count: Number of shares, by `shares`.
        work: Must leave nothing behind when it fails.

    Raises:
        torch.OutOfMemoryError: A single image does not fit.
    """
    if count == 1:
        for_each_chunk(total, size, lambda start, stop: work(model, 0, start, stop))
        return
    size = min(size, -(-total // count))

    def run(share: int, own: nn.Module) -> None:
        with gradients_on("cpu"):
            for start in range(share * size, total, count * size):
                work(own, share, start, min(start + size, total))

    keep_freed_memory()
    models = _replicas(model, count)
    if models and _sharing.acquire(blocking=False):
        with _one_core_an_operation():
            list(_threads(count).map(run, range(count), models))
    else:
        for share in range(count):
            run(share, model)


def over_parts(total: int, size: int, work: Callable[[int, int], None]) -> None:
    """Call work(start, stop) over range(total), each core working on a part of its own.

    Parts are those of one thread, and so are the results. With fewer parts than cores, the cores share
    each operation instead.

    Args:
        total: N.
        size: Images a part.
        work: Leaves what it finds in places that no other part touches.
    """
    starts, count = range(0, total, size), torch.get_num_threads()
    if len(starts) < count or count == 1 or not _sharing.acquire(blocking=False):
        for start in starts:
            work(start, min(start + size, total))
        return
    left, gradients = iter(starts), torch.is_grad_enabled()
    inference = torch.is_inference_mode_enabled()

    def run(_: int) -> None:
        with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
            for start in left:  # whoever is done takes the next
                work(start, min(start + size, total))

    keep_freed_memory()
    with _one_core_an_operation():
        list(_threads(count).map(run, range(count)))


@contextmanager
def _one_core_an_operation() -> Iterator[None]:
    """Release `_sharing` and put the setting, which is the process's, back in the end."""
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        yield
    finally:
        torch.set_num_threads(threads)
        _sharing.release()


def _replicas(model: nn.Module, count: int) -> list[nn.Module]:
    """Return copies of the modules around the same tensors; none if they can't be copied.

    A module may keep something of its forward pass: threads must not read each other's.
    """
    tensors = [*model.parameters(), *model.buffers()]
    try:
        copies = [copy.deepcopy(model, {id(t): t for t in tensors}) for _ in range(count - 1)]
    except (RuntimeError, TypeError):
        return []
    return [model, *copies]
