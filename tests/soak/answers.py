r"""A Label Studio that hands out nonsense: its answers, with another value at a random place.

    .venv/bin/python -m tests.soak.answers --looks 200   # .benchmarks/reliability/answers.json

Between a real Label Studio and a worker that is moved step by step stands a proxy that changes the JSON
of every answer it lets through: a task, an annotation, a project, a list, or the whole of it. Meanwhile
somebody labels. In the end Label Studio is believed again, and what is known is compared with it.
"""

import argparse
import logging
import random
import time
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import select, update

from fishermask_backend.store import projects
from fishermask_backend.store.schema import Project as ProjectRow
from fishermask_backend.store.schema import Task as TaskRow
from tests.e2e.faulty_proxy import FaultyProxy
from tests.e2e.machine import Machine, running
from tests.e2e.people import Person
from tests.e2e.projects import Project, as_json, digits, label_config

from .scene import LABEL_STUDIO, keep, scene

TASKS = 400
VALUES: list[Any] = [
    None, True, 0, -1, 2**63, 1.5, "", "cat", "\ud800", [], [None], {}, {"a": 1}, [[]],
]  # fmt: skip


class Unexpected(logging.Handler):
    """Keeps what is logged of errors that nobody has thought of."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.exc_info or "Unexpected" in record.getMessage():
            self.lines.append(record.getMessage())


def mutated(answer: Any, rng: random.Random) -> Any:
    """The same JSON with another value at a random place."""
    place, key = [answer], 0
    while isinstance(place[key], dict | list) and place[key] and rng.random() < 0.9:
        place = place[key]
        key = rng.choice(list(place)) if isinstance(place, dict) else rng.randrange(len(place))
    top = [answer] if place[key] is answer else None
    (top or place)[0 if top else key] = rng.choice(VALUES)
    return top[0] if top else answer


def look(machine: Machine, project: Project) -> None:
    """Let the worker read all of a project, or fail to, and not wait before the next time."""
    with machine.store.begin() as session:
        row = machine.row(project)
        projects.count_event(session, row.id, full=True)
        session.execute(update(ProjectRow).values(due_at=0.0, retry_at=0.0))
    for _ in range(3):
        machine.worker.work_once()


def measure(
    looks: int, machine: Machine, proxy: FaultyProxy, project: Project, seed: int = 18
) -> dict[str, Any]:
    """Look so often at a connected project through changed answers, then once through true ones."""
    rng, unexpected, told = random.Random(seed), Unexpected(), Counter[str]()
    logging.getLogger().addHandler(unexpected)
    try:
        with proxy.breaking(r"GET /api/", change=lambda answer: mutated(answer, rng)):
            for _ in range(looks):
                project.label(1)
                look(machine, project)
                row = machine.row(project)
                told["errors"] += bool(row.error)
                told["odd entries"] += bool(row.odd_entries)
        changed = Counter(urlsplit(call).path for call in proxy.met)
        look(machine, project)  # whatever wait the last failure has ordered is over
        machine.look_at_everything(project)
        left = len(machine.row(project).odd_entries or ())
        machine.train(project)
        machine.rest()
    finally:
        logging.getLogger().removeHandler(unexpected)
    true, known = as_json(project.answers()), machine.trained(project)
    with machine.store.read() as session:
        mine = TaskRow.project_id == machine.row(project).id
        tasks = set(session.scalars(select(TaskRow.task_id).where(mine)))
    return {
        "seed": seed,
        "looks": looks,
        "changed": sum(changed.values()),
        "calls": sorted({path.replace(f"/{project.id}/", "/<id>/") for path in changed}),
        "told": dict(told),
        "unexpected": unexpected.lines,
        "labels": len(true),
        "labels_lost": sorted(i for i in true if known.get(i) != true[i]),
        "labels_invented": sorted(known.keys() - true.keys()),
        "tasks_lost": sorted(project.tasks().keys() - tasks),
        "tasks_invented": sorted(tasks - project.tasks().keys()),
        "odd_entries_left": left,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=int, default=200)
    parser.add_argument("--seed", type=int, default=18)
    parser.add_argument("--label-studio", type=Path, default=LABEL_STUDIO)
    options = parser.parse_args()
    start = time.monotonic()
    with scene(options.label_studio) as here:
        proxy = FaultyProxy(here.studio.url).start()
        project = Project(Person(here.client), "changed answers", label_config())
        project.upload(digits()[:TASKS])
        with running(proxy.url, here.studio.token, here.folder) as machine:
            machine.connect(project)
            measured = measure(options.looks, machine, proxy, project, options.seed)
        proxy.stop()
    keep("answers", measured | {"seconds": round(time.monotonic() - start)})


if __name__ == "__main__":
    main()
