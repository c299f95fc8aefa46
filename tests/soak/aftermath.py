"""What is left when all is quiet again, compared with what Label Studio has."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.state import THUMBNAILS
from fishermask_backend.store import Store, pool, queues, rounds
from fishermask_backend.store import projects as store_projects
from fishermask_backend.store.schema import Annotation
from fishermask_backend.store.schema import Project as ProjectRow
from tests.e2e.backends import Backend
from tests.e2e.projects import Project, as_json

FLAWS = (
    "lost", "invented", "annotations_lost", "annotations_doubled", "rounds_doubled",
    "rows_doubled", "predictions_doubled", "orphans", "refused", "tracebacks",
)  # fmt: skip


def at_rest(backend: Backend, project: Project) -> bool:
    """Nobody works on the project, nothing is pending, and the last round's order is served."""
    with opened(backend, project) as (session, row):
        counts = pool.counts(session, row.id)
        latest = rounds.latest(session, row.id)
        return (
            row.lease_owner is None
            and row.plan is None
            and not row.error
            and counts.pending == 0
            and counts.embedded == counts.tasks
            and latest is not None
            and latest.state == "active"
            and trained(session, row) == as_json(project.answers())
        )


def aftermath(backend: Backend, project: Project) -> dict[str, Any]:
    """Count what is lost, doubled and left behind; all of it should be nothing."""
    truth, tasks = as_json(project.answers()), project.tasks()
    with opened(backend, project) as (session, row):
        learnt = trained(session, row)
        stored = Counter(
            session.scalars(select(Annotation.annotation_id).where(Annotation.project_id == row.id))
        )
        embedded = [task.row for task in pool.embedded(session, row.id)]
        history = rounds.history(session, row.id)
        serving, queue = rounds.active(session, row.id), queues.active(session, row.id)
        states = [q.state for q in queues.history(session, row.id)]
        assert serving is not None
        assert queue is not None
        order, drawn = queue.task_ids, set(queue.audit or ())  # the others are in the round's order
        chosen = [i for i in rounds.order(session, serving.id) if i in set(order) - drawn]
        scores = rounds.scores_of(session, serving.id, order)
        spec = parse_label_config(row.label_config)
        thought = [rounds.class_probabilities(serving, scores[i]) for i in order]
        expected = [
            (task, place / len(order) / 2, spec.prelabel(thought[place]))
            for place, task in enumerate(order)
        ]
        kept = {name for r in history for name in (r.weights, r.scorer) if name}
        kept |= {
            f"projects/{row.id}/inputs-{row.inputs_key}.rows",
            THUMBNAILS.named(project=row.id),
        }
    made = Counter(a["id"] for task in tasks.values() for a in task["annotations"])
    published = project.predictions(queue.version)
    shown = [p["task"] for p in published]
    return {
        "rounds": len(history),
        "lost": sorted(i for i, answer in truth.items() if learnt.get(i) != answer),
        "invented": sorted(set(learnt) - set(truth)),
        "annotations_lost": sorted((made - stored).elements()),
        "annotations_doubled": sorted((stored - made).elements()),
        "rounds_doubled": len(history) - len({r.number for r in history}),
        "rows_doubled": len(embedded) - len(set(embedded)),
        "predictions_doubled": len(shown) - len(set(shown)),
        "active_rounds": sum(r.state == "active" for r in history),
        "active_queues": states.count("active"),
        "served": (project["sampling"], project["model_version"])
        == ("Uncertainty sampling", queue.version),
        "scores_match": chosen == [i for i in order if i not in drawn]
        and queue.round_id == serving.id
        and expected == [(p["task"], p["score"], p["result"]) for p in published],
        "orphans": sorted(orphans(backend.state, kept)),
    }


def flaws(found: dict[str, Any]) -> dict[str, Any]:
    """What of an aftermath is not as it should be."""
    right = {"active_rounds": 1, "active_queues": 1, "served": True, "scores_match": True}
    wrong = {name: found[name] for name, value in right.items() if found[name] != value}
    return wrong | {name: found[name] for name in FLAWS if found[name]}


def orphans(state: Path, kept: set[str]) -> Iterator[str]:
    """Files in MODEL_DIR that nothing refers to; of the workers' own one may be there."""
    workers = 0
    for path in state.rglob("*"):
        name = path.relative_to(state).as_posix()
        if (
            path.is_dir()
            or name in kept
            or name.startswith("fishermask.db")
            or name == "secret.key"
        ):
            continue
        workers += name.startswith("workers/")
        if not name.startswith("workers/") or workers > 1:
            yield name


def trained(session: Session, row: ProjectRow) -> dict[int, str]:
    return {t.task_id: t.trained for t in pool.embedded(session, row.id) if t.trained is not None}


@contextmanager
def opened(backend: Backend, project: Project) -> Iterator[tuple[Session, ProjectRow]]:
    store = Store(backend.database)
    with store.read() as session:
        row = store_projects.find(session, backend.address, project.id)
        assert row is not None
        yield session, row
    store.close()
