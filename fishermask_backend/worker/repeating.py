"""Something done again and again while a step computes: heartbeats, and filling the queue."""

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fishermask_backend.errors import FisherMaskError, LeaseLost

log = logging.getLogger(__name__)


@contextmanager
def repeating(name: str, seconds: float, act: Callable[[], None]) -> Iterator[None]:
    """Call a function every so many seconds, in a thread of its own, as long as the block runs.

    What fails is logged and tried again, a bug of ours too: without its heartbeat a step would lose
    its lease. A lost lease ends it: the step finds out at its next write.
    """
    over = threading.Event()

    def run() -> None:
        while not over.wait(seconds):
            try:
                act()
            except LeaseLost:
                return
            except FisherMaskError as error:
                log.warning("%s: %s", name, error)
            except Exception:
                log.exception("%s", name)

    thread = threading.Thread(target=run, name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
