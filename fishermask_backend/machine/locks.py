"""Locks on files and folders, which the system opens however the process that holds them ends."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def locked(path: Path, *, wait: bool) -> Iterator[Path]:
    """Hold the lock of a file or folder until the block, or the process, ends.

    Args:
        path: Must exist.
        wait: For another holder's end.

    Raises:
        BlockingIOError: Another holds it, and `wait` is not asked for.
        FileNotFoundError: There is no such file.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield path
    finally:
        os.close(descriptor)
