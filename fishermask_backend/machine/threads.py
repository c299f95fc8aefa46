"""How many threads torch computes with."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread(when: bool = True) -> Iterator[None]:
    """Compute with one thread, if it is so; afterwards with as many as before.

    Threads wait for each other at the end of each operation. Where operations are small that costs
    more than it saves, and where other programs have the cores each wait is for the slowest's turn.
    """
    before = torch.get_num_threads()
    if when:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
