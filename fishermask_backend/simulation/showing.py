"""How far a long step is: a bar on a terminal, elsewhere a line now and then."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fishermask_backend.demo.progress import Progress

WIDTH = 24  # of a bar, characters


@contextmanager
def bar(step: str) -> Iterator[Callable[[int, int], None]]:
    """Yield what is told how many are done, and of how many."""
    with Progress(step) as progress:
        began, first = time.monotonic(), -1

        def show(done: int, total: int) -> None:
            nonlocal first
            first = done if first < 0 else first
            left = _left(time.monotonic() - began, done - first, total - done)
            progress(f"{_bar(done, total)} {done:,} of {total:,}{left}")

        yield show


def _bar(done: int, total: int) -> str:
    full = WIDTH * done // max(total, 1)
    return "█" * full + "░" * (WIDTH - full)


def _left(seconds: float, done: int, left: int) -> str:
    """Return the time left, from what was done since the start."""
    if not done or not left:
        return ""
    rest = seconds / done * left
    return f", {rest:.0f} s left" if rest < 90 else f", {rest / 60:.0f} min left"
