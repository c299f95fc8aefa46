"""Removing what nothing refers to any more."""

import logging
import shutil
import time
from contextlib import suppress
from pathlib import Path

from sqlalchemy.orm import Session

from fishermask_backend.learning.fisher_job import remove_abandoned
from fishermask_backend.machine.lifeline import remove_silent
from fishermask_backend.settings import Settings
from fishermask_backend.state import (
    CACHES,
    FACTORS,
    INPUTS,
    KEY_FILE,
    ROUND,
    drafts,
    project_folder,
)
from fishermask_backend.store import Store, embedding_queue, leases, projects, rounds
from fishermask_backend.store.schema import Project
from fishermask_backend.worker.schedule import IDLE_SECONDS
from fishermask_backend.worker.work import Work

log = logging.getLogger(__name__)

STRAY_SECONDS = 60.0  # files that live for an instant, unless their writer was killed in it


def remove_leftovers(work: Work) -> None:
    """Drop superseded rounds' scores and old weights, and files that a killed worker left behind.

    Call it between rounds: what the project's only writer has not stored then, nobody will.
    """
    with work.begin() as session:
        rounds.prune(session, work.project_id)
        kept = {
            name
            for r in rounds.history(session, work.project_id)
            for name in (r.weights, r.scorer)
            if name
        }
    folder = work.settings.model_dir
    files, caches = (kind.pattern(project=work.project_id) for kind in (ROUND, INPUTS))
    for pattern in (files, drafts(files), drafts(caches)):
        for path in folder.glob(pattern):
            if path.relative_to(folder).as_posix() not in kept:
                path.unlink(missing_ok=True)


def remove_strays(settings: Settings) -> None:
    """Remove files of no project that a process left behind when it was killed."""
    remove_abandoned(settings.model_dir)
    remove_silent(settings.model_dir)
    for pattern in (FACTORS.pattern(), drafts(KEY_FILE)):
        for path in settings.model_dir.glob(pattern):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > STRAY_SECONDS:
                    path.unlink()


def keep_cache_limit(settings: Settings, store: Store, at_work: int) -> int:
    """Drop rows of idle projects, the one not used for longest first, until `CACHE_LIMIT` holds.

    The rows are embedded again once somebody works there (`schedule.resting`). Projects that are in
    use keep theirs, even if those alone are more than the limit.

    Args:
        settings: `CACHE_LIMIT`, 0 for none.
        store: The database.
        at_work: The project whose step this is; keeps its rows.

    Returns:
        Bytes that are left beyond the limit.
    """
    caches = [p for k in CACHES for p in settings.model_dir.glob(k.pattern())]
    sizes = {p: p.stat().st_size for p in caches}
    if not settings.cache_limit or sum(sizes.values()) <= settings.cache_limit:
        return 0
    with store.read() as session:
        idle = _idle(session, settings, at_work)
    for project in idle:
        dropped = _drop_rows(settings, store, project)
        for path in dropped:
            sizes.pop(path, None)
        if sum(sizes.values()) <= settings.cache_limit:
            return 0
    return sum(sizes.values()) - settings.cache_limit


def _idle(session: Session, settings: Settings, at_work: int) -> list[Project]:
    """Return the projects whose rows may go, the one not used for longest first."""
    used_at: dict[Project, float] = {}
    for project in projects.all_projects(session):
        latest = rounds.latest(session, project.id)
        files = settings.model_dir.glob(INPUTS.pattern(project=project.id))
        used_at[project] = max(
            project.last_event_at,
            latest.started_at if latest else 0.0,
            *(path.stat().st_mtime for path in files),
        )
    before = time.time() - IDLE_SECONDS
    found = [p for p in used_at if p.id != at_work and p.inputs_key and used_at[p] < before]
    return sorted(found, key=lambda project: used_at[project])


def _drop_rows(settings: Settings, store: Store, project: Project) -> list[Path]:
    files = [p for k in CACHES for p in settings.model_dir.glob(k.pattern(project=project.id))]
    with store.begin() as session:
        mine = leases.unclaimed(session, project.id)
        if mine is None:  # somebody has come
            return []
        embedding_queue.forget_rows(session, mine, "")
        for path in files:  # before the commit: afterwards a worker may have begun new ones
            path.unlink(missing_ok=True)
    log.info(
        "project %s: its rows go, CACHE_LIMIT=%s; it goes on serving",
        project.studio_id, settings.cache_limit,
    )  # fmt: skip
    return files


def forget_project(settings: Settings, store: Store, project_id: int) -> None:
    """Delete a project's rows and files."""
    with store.begin() as session:
        projects.forget(session, project_id)
    shutil.rmtree(project_folder(settings.model_dir, project_id), ignore_errors=True)
