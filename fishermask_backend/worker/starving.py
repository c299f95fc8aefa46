"""Giving way to those whom people wait for, but not to programs that take the cores for good.

Label Studio wants the processor for tenths of a second now and then: as nice as can be the worker loses
next to nothing to it. To programs that never stop it would lose nearly all. So it begins each piece of
work as nice as can be, and where it then waits more than it computes it becomes less nice, and faster,
until that is done. (A process cannot become less nice again, but the session that it leads can.)
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from fishermask_backend.machine.priority import LEAST_NICE, NICE, set_own_session
from fishermask_backend.machine.processor import Turns
from fishermask_backend.worker.repeating import repeating

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
STARVING = 0.5  # part of what it wants that is given
WANTED = 0.5  # seconds of the processor, in LOOK_SECONDS: below it waits for other things


@contextmanager
def not_starving(look_seconds: float = LOOK_SECONDS) -> Iterator[None]:
    """Watch over a piece of work."""
    last = Turns.now()

    def look() -> None:
        nonlocal last
        now = Turns.now()
        given, last = now.since(last), now
        if given.used + given.waited > WANTED and given.share < STARVING:
            set_own_session(LEAST_NICE)

    with repeating("processor", look_seconds, look):
        try:
            yield
        finally:
            set_own_session(NICE)
