"""The queue does not run dry while a round computes: labels are read and tasks are added meanwhile."""

from contextlib import AbstractContextManager
from dataclasses import replace

from fishermask_backend import publishing
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.repeating import repeating
from fishermask_backend.schedule import running_low
from fishermask_backend.store import rounds
from fishermask_backend.sync import read_changes
from fishermask_backend.workspace import Workspace

LOOK_SECONDS = 3.0


def topping_up(work: Workspace, spec: LabelSpec) -> AbstractContextManager[None]:
    """Keep the serving round's queue filled by a thread of its own, as long as the block runs.

    It works under the step's lease.
    """
    name = f"{work.name}, while a round computes"
    beside = replace(work, silent=True)
    return repeating(name, LOOK_SECONDS, lambda: _top_up(beside, spec))


def _top_up(work: Workspace, spec: LabelSpec) -> None:
    read_changes(work, spec)
    with work.store.read() as session:
        serving = rounds.active(session, work.project_id)
    if serving is not None and running_low(work):
        publishing.publish(work, spec, serving)
