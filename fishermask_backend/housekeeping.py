"""Removing what nothing refers to any more."""

import logging
import shutil
import time

from fishermask_backend.settings import Settings
from fishermask_backend.store import Store, projects, rounds
from fishermask_backend.workspace import Workspace, project_folder

log = logging.getLogger(__name__)

DRAFT_SECONDS = 3600.0  # a file being written by a worker that died


def remove_leftovers(work: Workspace) -> None:
    """Drop superseded rounds' scores and old weights, and files that a crash left behind."""
    with work.begin() as session:
        outdated = rounds.prune(session, work.project_id)
        kept = {
            name
            for r in rounds.history(session, work.project_id)
            for name in (r.weights, r.scorer)
            if name
        }
    for name in outdated:
        (work.settings.model_dir / name).unlink(missing_ok=True)
    for path in work.folder.glob("round-*"):
        name = path.relative_to(work.settings.model_dir).as_posix()
        # Only this step's worker writes here; a file that no round names is a dead one's.
        if name not in kept and time.time() - path.stat().st_mtime > DRAFT_SECONDS:
            path.unlink(missing_ok=True)


def forget_project(settings: Settings, store: Store, project_id: int) -> None:
    """Delete a project's rows and files."""
    with store.begin() as session:
        projects.forget(session, project_id)
    shutil.rmtree(project_folder(settings, project_id), ignore_errors=True)
