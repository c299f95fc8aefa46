"""The C library's memory: keeping a worker from growing over its rounds."""

import ctypes
from contextlib import suppress

M_ARENA_MAX = -8  # of malloc.h


def share_one_arena() -> None:
    """Have all threads take memory from one place; to be called before there are others.

    glibc gives threads places of their own. A round starts some, and what it leaves here and there
    kept a third of a megabyte a round from being given back.
    """
    with suppress(OSError, AttributeError):  # another C library
        ctypes.CDLL("libc.so.6").mallopt(M_ARENA_MAX, 1)


def release_memory() -> None:
    """Give the system what was freed: glibc keeps the gaps that a round's matrices leave."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL("libc.so.6").malloc_trim(0)
