"""The process that computes, as `fishermask worker` starts it."""

import logging
import os
import signal
from functools import partial
from types import FrameType

from fishermask_backend import logs
from fishermask_backend.machine import allocator, priority
from fishermask_backend.settings import Settings
from fishermask_backend.store import Store


def work(settings: Settings) -> None:
    """Work on projects until a signal says stop.

    Raises:
        FisherMaskError: Database or MODEL_DIR cannot be used.
    """
    # Read when torch is imported. Threads that spin while they wait for each other make a round many
    # times slower where Label Studio, on the same cores, keeps one of them from running.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    allocator.share_one_arena()
    from fishermask_backend.worker.loop import Worker
    from fishermask_backend.worker.step import Memory, do_step

    logs.configure(settings)
    priority.lower_own()  # the web process answers Label Studio while training takes every core
    signal.signal(signal.SIGTERM, _stop)
    signal.signal(signal.SIGINT, _stop)
    try:
        step = partial(do_step, memory=Memory())
        Worker(settings, Store(settings.database), step).run()
    except SystemExit:
        logging.shutdown()
        os._exit(0)  # without waiting for downloads in other threads


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)
