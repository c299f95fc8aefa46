"""What is told about projects, as JSON: the same for HTTP, the command line and the demo."""

from typing import Any

from sqlalchemy.orm import Session

from fishermask_backend.model import open_store
from fishermask_backend.settings import load_settings
from fishermask_backend.store import pool, projects, rounds
from fishermask_backend.store.schema import Project, Round


def projects_status() -> list[dict[str, Any]]:
    """Return every project in short."""
    with open_store().read() as session:
        found = projects.listing(session, load_settings().label_studio_url)
        return [_short(session, project) for project in found]


def project_status(studio_id: int) -> dict[str, Any] | None:
    """Return all about a project, by its id in Label Studio; None if there is no such project."""
    with open_store().read() as session:
        project = projects.find(session, load_settings().label_studio_url, studio_id, None)
        if project is None:
            return None
        queue = rounds.active_queue(session, project.id)
        return {
            **_short(session, project),
            "label_config": project.label_config,
            "rounds": [_round(r) for r in rounds.history(session, project.id)],
            "queue": queue and {"version": queue.version, "task_ids": queue.task_ids},
            "queues": [
                {"version": q.version, "state": q.state, "task_ids": q.task_ids}
                for q in rounds.queues(session, project.id)
            ],
            "image_errors": pool.image_errors(session, project.id),
        }


def _short(session: Session, project: Project) -> dict[str, Any]:
    counts = pool.counts(session, project.id)
    return {
        "id": project.studio_id,
        "title": project.title,
        "connected": project.connected,
        "active_version": rounds.answered_version(session, project.id),
        "tasks": counts.tasks,
        "embedded": counts.embedded,
        "failed_images": counts.failed_images,
        "labelled": counts.labelled,
        "pending_labels": counts.pending,
        "tied_tasks": counts.tied,
        "progress": project.progress,
        "order": project.order_note or "set by FisherMask",
        "error": project.error,
    }


def _round(r: Round) -> dict[str, Any]:
    waited = None if r.active_at is None else round(r.active_at - r.triggered_at, 3)
    return {
        "number": r.number,
        "acquisition": r.acquisition,
        "state": r.state,
        "labels": r.labels,
        "pool": r.pool,
        "classes": r.classes,
        "started": r.started_at,
        "finished": r.active_at,
        "trigger_to_order_seconds": waited,
        "seconds": r.seconds,
        "weights": r.weights,
        "notes": r.notes,
    }
