"""The queue does not run dry while a step computes: labels are read and tasks are added meanwhile."""

import time
from contextlib import AbstractContextManager
from dataclasses import replace

from fishermask_backend.labeling import LabelSpec
from fishermask_backend.worker.queueing import top_up
from fishermask_backend.worker.repeating import repeating
from fishermask_backend.worker.sync import read_changes
from fishermask_backend.worker.work import Work

LOOK_SECONDS = 3.0
READ_AGAIN_SECONDS = 30.0  # between readings of changes that no event told of


def topping_up(work: Work, spec: LabelSpec) -> AbstractContextManager[None]:
    """Keep the serving round's queue filled by a thread of its own, as long as the block runs.

    It works under the step's lease. Label Studio is asked only where something was told or long not.
    """
    beside = replace(work, silent=True)
    events, read_at = work.lease.events, time.monotonic()

    def look() -> None:
        nonlocal events, read_at
        told = work.project().events
        if told != events or time.monotonic() - read_at > READ_AGAIN_SECONDS:
            read_changes(beside, spec)
            events, read_at = told, time.monotonic()
        top_up(beside, spec)

    return repeating(f"{work.name}, meanwhile", LOOK_SECONDS, look)
