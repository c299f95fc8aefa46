"""Whether this backend is connected to a project: Label Studio's list says, not who calls us."""

import logging
from collections.abc import Iterator, Sequence

from fishermask_backend.errors import BadRequest, FisherMaskError, LabelStudioError
from fishermask_backend.project_settings import read_params
from fishermask_backend.settings import Settings
from fishermask_backend.store import Store, projects
from fishermask_backend.studio import Studio, StudioBackend, StudioProject
from fishermask_backend.versions import PROJECT_HEADER
from fishermask_backend.worker import served_order
from fishermask_backend.worker.access import with_key
from fishermask_backend.worker.moving import look_for_moved
from fishermask_backend.worker.sync import pass_due
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)


def keep_connected(work: Work, *, look: bool = False) -> bool:
    """Look, before a full pass or if told to, whether the project still has this backend.

    If not, its former order is put back. If it has, with which settings of its own.

    Label Studio tells a backend nothing when it is removed, and /setup can be called by anybody: a
    project's settings are touched only while its own list of backends names us.

    Raises:
        ProjectGone: The project has been deleted.
        LabelStudioError: Label Studio could not be asked.
    """
    project = work.project()
    passing = pass_due(work.settings, project)
    if project.connected and not passing and not look:
        return True
    backends = work.studio.own_backends(project.studio_id)
    connected = bool(backends)
    if connected != project.connected:
        log.info("%s: %s", work.name, "connected" if connected else "backend removed")
        if not connected:
            served_order.give_back(work)
        with work.begin() as session:
            mine = projects.get(session, project.id)
            mine.connected = connected
            mine.pass_wanted |= connected  # after an absence everything may be different
    if passing or not project.connected:
        for backend in backends:
            _shorten_events(work, project.studio_id, backend.url)
    _take_params(work, backends)
    return connected


def _take_params(work: Work, backends: Sequence[StudioBackend]) -> None:
    """Take the project's own settings as Label Studio keeps them: /setup tells us, if we are up then.

    What cannot be meant is told, and the settings stay as they were. Where the project has several
    backends of our kind and none at `BACKEND_URL`, nobody knows whose are ours.
    """
    own = [b for b in backends if len(backends) == 1 or b.url == work.settings.own_url]
    if not own:
        return
    project = work.project()
    params, note = project.params or {}, ""
    try:
        params = read_params(own[0].params)
    except BadRequest as error:
        note = f"{error} Until then it goes on with {params or 'none of its own'}."
    if (params, note) == (project.params or {}, project.params_note):
        return
    log.info("%s: its own settings are %s%s", work.name, params, note and f". {note}")
    with work.begin() as session:
        mine = projects.get(session, work.project_id)
        mine.params, mine.params_note = params, note


def _shorten_events(work: Work, studio_id: int, address: str) -> None:
    """Spare annotators the time in which Label Studio describes project, task and label to us.

    It does so within the click on «Submit», and we need no more than the project's number.
    """
    try:
        work.studio.shorten_events(
            studio_id, f"{address}/webhook", {PROJECT_HEADER: str(studio_id)}
        )
    except LabelStudioError as error:  # they tell as much as they are
        log.info("%s: %s", work.name, error)


def discover(settings: Settings, store: Store) -> Iterator[int]:
    """Register the projects that have this backend but that we do not know.

    Yields the number of each project asked about, so that others have their turn between two
    questions. A backend whose Label Studio has moved finds its projects this way, and one that lost
    its volume; the latter needs `BACKEND_URL`, to be told from others like it. Both need
    `LABEL_STUDIO_API_KEY`.
    """
    if not settings.label_studio_api_key:
        return
    address, own = settings.label_studio_url, settings.own_url
    try:
        with with_key(settings, settings.label_studio_api_key) as studio:
            yield from look_for_moved(settings, store, studio)
            if not settings.backend_url:
                return
            for remote in studio.projects():
                if remote.created is None:
                    continue
                with store.read() as session:
                    known = projects.find(session, address, remote.studio_id, remote.created)
                if known is not None:
                    continue
                if _has_backend(studio, remote, own):
                    with store.begin() as session:
                        projects.register(session, address, remote.studio_id, remote.created)
                    log.info("found project «%s» in Label Studio", remote.title)
                yield remote.studio_id
    except FisherMaskError as error:
        log.warning("Looking for connected projects: %s", error)


def _has_backend(studio: Studio, remote: StudioProject, own: str) -> bool:
    try:
        return studio.has_backend(remote.studio_id, own)
    except FisherMaskError as error:  # one project must not hide those behind it
        log.warning("Looking for connected projects: %s", error)
        return False
