"""A Label Studio at a new address: its projects go on with the rounds and images they had.

A project is known by its address, its id and when it was made. Where `LABEL_STUDIO_URL` has changed,
one of the same id and creation time is the same project, unless another backend on this database
still works for the old address: a copy of a Label Studio has the same projects. So its row there is
made due, and taken over only if nobody has come for it in a while.
"""

import logging
import shutil
import time
from collections.abc import Iterator

from fishermask_backend.errors import FisherMaskError, LabelStudioError
from fishermask_backend.settings import Settings
from fishermask_backend.state import project_folder
from fishermask_backend.store import Store, leases, projects
from fishermask_backend.store.schema import Project
from fishermask_backend.studio import Studio
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

KNOCK_SECONDS = 30.0  # in which a worker comes for a project that is due
AGAIN_SECONDS = 5.0


class Knocks:
    """When each project at another address was made due, and the fence it then had."""

    def __init__(self) -> None:
        self._at: dict[int, float] = {}
        self._fences: dict[int, int] = {}

    def answered(self, former: Project) -> bool | None:
        """Say whether a worker has come for it since; None if there is still time to."""
        if former.id not in self._at:
            self._at[former.id], self._fences[former.id] = time.monotonic(), former.fence
            return None
        if former.fence != self._fences[former.id]:
            return True
        return None if time.monotonic() - self._at[former.id] < KNOCK_SECONDS else False


def is_taken_over(work: Work, knocks: Knocks) -> bool | None:
    """Let a project that is new here go on as what it was at Label Studio's former address.

    Returns:
        Whether this row has given way to the former one; None while that is not certain.

    Raises:
        LabelStudioError: Label Studio could not be asked whether it is that project.
        ProjectGone: It has none of that id.
    """
    project = work.project()
    if project.pass_number:
        return False
    with work.store.read() as session:
        former = projects.elsewhere(session, project)
        tended = former is not None and leases.tended(session, former.address)
    if former is None or work.studio.project(project.studio_id).created != project.created:
        return False
    answered = knocks.answered(former)
    if answered:
        log.warning(
            "%s: a worker with LABEL_STUDIO_URL=%s has it, too: here it begins anew",
            work.name, former.address,
        )  # fmt: skip
        return False
    if answered is None or tended:
        with work.begin() as session:
            projects.wake(session, former.id)
        return None
    with work.begin() as session:
        projects.move(session, former.id, project.id)
    shutil.rmtree(project_folder(work.settings.model_dir, project.id), ignore_errors=True)
    log.info("%s: goes on as it was at %s", work.name, former.address)
    return True


def look_for_moved(settings: Settings, store: Store, studio: Studio) -> Iterator[int]:
    """Register the projects that this database knows from another address and Label Studio has here.

    Yields the number of each project asked about.
    """
    address = settings.label_studio_url
    with store.read() as session:
        others = [p for p in projects.all_projects(session) if p.address != address and p.connected]
    for other in others:
        with store.read() as session:
            known = projects.find(session, address, other.studio_id, other.created)
        if known is not None:
            continue
        try:
            there = studio.project(other.studio_id).created == other.created
        except LabelStudioError as error:
            if error.status is None:  # nothing answers
                raise
            there = False
        except FisherMaskError:
            there = False
        if there:
            with store.begin() as session:
                projects.register(session, address, other.studio_id, other.created)
            log.info("project %s of %s is found at %s", other.studio_id, other.address, address)
        yield other.studio_id
