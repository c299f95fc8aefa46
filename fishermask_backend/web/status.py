"""What is told about projects, as JSON: the same for HTTP, the command line and the demo."""

import time
from collections.abc import Sequence
from typing import Any

from sqlalchemy.orm import Session

from fishermask_backend.machine.lifeline import Health, health
from fishermask_backend.settings import load_settings
from fishermask_backend.store import embedding_queue, open_store, pool, projects, queues, rounds
from fishermask_backend.store.not_learnt import not_learnt
from fishermask_backend.store.noted import Progress
from fishermask_backend.store.notes import label_notes
from fishermask_backend.store.odd_entries import odd_entries
from fishermask_backend.store.pool import Counts
from fishermask_backend.store.schema import Project, Round
from fishermask_backend.web.agreement import Agreement, agreements, learning, recent, rounded
from fishermask_backend.web.audit_status import audit_status, round_audit
from fishermask_backend.web.controls_status import controls_status, round_controls
from fishermask_backend.web.review_status import review_status


def worker_health() -> Health:
    """Say whether a worker lives, and what to do if none does."""
    return health(load_settings().model_dir)


def readiness() -> dict[str, Any]:
    """Say whether all is there that the work needs, and what keeps projects from it.

    Raises:
        DatabaseUnavailable: The database does not work.
    """
    worker, found = worker_health(), projects_status()
    return {
        "ready": worker.lives,
        "database": "works",
        "worker": worker.told,
        "projects": len(found),
        "errors": {p["id"]: p["error"] for p in found if p["error"]},
    }


def projects_status() -> list[dict[str, Any]]:
    """Return every project in short."""
    with open_store().read() as session:
        found = projects.of_server(session, load_settings().label_studio_url)
        histories = [rounds.history(session, project.id) for project in found]
        worker = worker_health().told
        return [
            {**_short(session, project, history, agreements(history)), "worker": worker}
            for project, history in zip(found, histories, strict=True)
        ]


def project_status(studio_id: int) -> dict[str, Any] | None:
    """Return all about a project, by its id in Label Studio; None if there is no such project."""
    with open_store().read() as session:
        project = projects.find(session, load_settings().label_studio_url, studio_id)
        if project is None:
            return None
        queue = queues.active(session, project.id)
        history = rounds.history(session, project.id)
        agreed = agreements(history)
        accuracy, forecast = audit_status(history)
        return {
            **_short(session, project, history, agreed),
            **controls_status(session, project, history),
            "accuracy": accuracy,
            "forecast": forecast,
            "worker": worker_health().told,
            "label_config": project.label_config,
            "rounds": [_round(r, later) for r, later in zip(history, agreed, strict=True)],
            "queue": queue and {"version": queue.version, "task_ids": queue.task_ids},
            "queues": [
                {"version": q.version, "state": q.state, "task_ids": q.task_ids}
                for q in queues.history(session, project.id)
            ],
            "errors": [{"at": e["at"], "error": e["error"]} for e in project.errors or []],
            "image_errors": embedding_queue.errors(session, project.id),
            "cut_short_image_tasks": embedding_queue.cut_short(session, project.id),
            "unread_entries": list(odd_entries(project).examples),
            "not_learnt_annotations": _not_learnt(session, project),
            "review": review_status(session, project),
        }


def _short(
    session: Session, project: Project, history: Sequence[Round], agreed: Sequence[Agreement]
) -> dict[str, Any]:
    counts = pool.counts(session, project.id)
    latest = history[-1] if history else None
    return {
        "id": project.studio_id,
        "title": project.title,
        "connected": project.connected,
        "settings": project.params or {},
        "settings_note": project.params_note,
        "active_version": queues.answered_version(queues.active(session, project.id)),
        "tasks": counts.tasks,
        "embedded": counts.embedded,
        "failed_images": counts.failed_images,
        "given_up_images": counts.broken_images,
        "cut_short_images": counts.cut_short_images,
        "labelled": counts.labelled,
        "pending_labels": counts.pending,
        "tied_tasks": counts.tied,
        "not_learnt": not_learnt(session, project.id).sentence,
        "unread": odd_entries(project).sentence,
        "label_notes": label_notes(session, project),
        "queue_left": len(queues.left(session, project)),
        "round": latest.number if latest else 0,
        "seconds": latest.seconds if latest else {},
        "learning": learning(agreed),
        "later_accuracy": rounded(recent(agreed)[0].share),
        "progress": _progress(project.progress),
        "order": _order(project, counts),
        "error": project.error,
        "failures": project.failures,
        "next_try": project.retry_at if project.failures else None,
    }


def _not_learnt(session: Session, project: Project) -> dict[str, Any]:
    found = not_learnt(session, project.id)
    return {"reasons": found.reasons, "examples": found.examples}


def _order(project: Project, counts: Counts) -> str:
    """Say how Label Studio's order of tasks is, as the worker last saw it."""
    if not project.connected:
        return "not set: the backend is not connected to the project (any more)"
    if project.order_note:
        return project.order_note
    if project.former is not None and project.former.get("set", True):
        remark = f"; {project.order_remark}" if project.order_remark else ""
        return f"set by FisherMask{remark}"
    if counts.tasks == 0:
        return "not set yet: no task is known"
    if counts.embedded == 0 and counts.failed_images == counts.tasks:
        return "not set yet: no image can be used, see `image_errors`"
    return "not set yet: the first queue is on its way"


def _progress(stored: Progress | None) -> dict[str, Any] | None:
    """Return what a worker last said, with the time left counted from now."""
    if stored is None:
        return None
    shown: dict[str, Any] = {**stored}
    eta, said_at = stored["eta_seconds"], shown.pop("at", stored["started"])
    shown.pop("pace", None)
    if eta is not None:
        shown["eta_seconds"] = round(max(0.0, eta - (time.time() - said_at)), 1)
    return shown


def _round(r: Round, later: Agreement) -> dict[str, Any]:
    waited = None if r.active_at is None else round(r.active_at - r.triggered_at, 3)
    return {
        "number": r.number,
        "acquisition": r.acquisition,
        "state": r.state,
        "labels": r.label_count,
        "pool": r.pool_size,
        "classes": r.classes,
        "started": r.started_at,
        "finished": r.active_at,
        "trigger_to_order_seconds": waited,
        "seconds": r.seconds,
        "weights": r.weights,
        "notes": r.notes,
        "later_labels": later.checked,
        "accuracy": rounded(later.share),
        "audit": round_audit(r),
        **round_controls(r),
    }
