"""How long a project's page takes: `python -m tests.benchmarks.page` (10,000 tasks, 100 rounds).

As people see it, through the web application, on a quiet machine and while rounds are computed; its
bytes, too, and those of 10,000 thumbnails.
"""

import json
import os
import random
import statistics
import sys
import tempfile
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
from flask.testing import FlaskClient
from PIL import Image
from sqlalchemy import insert, update

from fishermask_backend.images.thumbnails import Thumbnails, thumbnail
from fishermask_backend.settings import load_settings
from fishermask_backend.state import THUMBNAILS
from fishermask_backend.store import Store, open_store, pool, projects, queues, rounds
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import Annotation, Project, Round, Task
from tests.benchmarks.beside import rounds_beside
from tests.this_machine import machine

TASKS, ROUNDS, CLASSES, A_ROUND = 10_000, 100, 10, 20
NAMES = [f"class {i}" for i in range(CLASSES)]
RUNS = 20
STUDIO_ID = 7
CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    + "".join(f'<Choice value="{name}"/>' for name in NAMES)
    + "</Choices></View>"
)


def project_in(store: Store, address: str, *, tasks: int = TASKS, number: int = ROUNDS) -> Project:
    """Store a project with so many tasks and rounds, the last of which serves."""
    rng = np.random.default_rng(0)
    now = time.time()
    with store.begin() as session:
        project = projects.register(session, address, STUDIO_ID, 1000)
        project.title, project.connected, project.label_config = "Benchmark", True, CONFIG
        project.pass_wanted, project.pass_finished_at, project.next_row = False, now, tasks
        project.former = {"sampling": "Sequential sampling", "model_version": "", "set": True}
        images = [(i, f"/{i}.png") for i in range(1, tasks + 1)]
        pool.put_tasks(session, project, images, random.Random(0))
        session.flush()
        labelled = min(A_ROUND * number, tasks)
        rows = [{"project_id": project.id, "task_id": i, "row": i - 1} for i, _ in images]
        for row in rows[:labelled]:
            row["answer"] = row["trained"] = json.dumps([NAMES[rng.integers(CLASSES)]])
            row["annotated"] = True
        for some in (rows[:labelled], rows[labelled:]):
            session.execute(update(Task), some)
        session.execute(insert(Annotation), [_annotation(project.id, i) for i in range(labelled)])
        for n in range(1, number + 1):
            _add_round(store, session, project, n, now - (number - n) * 60)
        source = rounds.latest(session, project.id)
        probabilities = rng.dirichlet([0.4] * CLASSES, tasks).astype(np.float32)
        rest = range(labelled + 1, tasks + 1)
        scored = [
            Scored(i, (place + 1) / tasks, 0.1, probabilities[i - 1])
            for place, i in enumerate(rest)
        ]
        rounds.put_scores(session, source.id, scored)
        queue = queues.begin(session, source, [*rest][:60])
        queues.mark_imported(session, queue.id)
        queues.activate(session, queue.id)
    return project


def _annotation(project_id: int, i: int) -> dict[str, object]:
    return {
        "project_id": project_id, "annotation_id": i + 1, "task_id": i + 1, "result": [],
        "skipped": i % 40 == 0, "ground_truth": False, "annotator": 1 + i % 5,
        "updated_at": "2026-11-28T12:00:00",
    }  # fmt: skip


def _add_round(store: Store, session, project: Project, n: int, at: float) -> None:
    right = round(A_ROUND * (0.4 + 0.4 * n / (n + 15)))
    session.add(
        Round(
            project_id=project.id, number=n, acquisition="fishermask" if n > 1 else "cold start",
            state="superseded", label_count=A_ROUND * n,
            pool_size=TASKS, classes=NAMES, likelihood="categorical", inputs_key="",
            triggered_at=at, started_at=at, computed_at=at + 2, active_at=at + 3,
            seconds={"train": 0.8, "select": 1.2, "publish": 0.9}, notes=[],
            checked=A_ROUND, agreed=right,
        )
    )  # fmt: skip
    session.flush()


def put_thumbnails(folder: Path, project: Project, number: int) -> float:
    """Write so many thumbnails of photograph-like noise; seconds for one."""
    rng = np.random.default_rng(1)
    path = folder / THUMBNAILS.named(project=project.id)
    began = time.perf_counter()
    for row in range(number):
        coarse = Image.fromarray(rng.integers(0, 255, (12, 12, 3), np.uint8))
        pixels = np.asarray(coarse.resize((160, 160), Image.Resampling.BICUBIC)).transpose(2, 0, 1)
        noisy = np.clip(pixels + rng.normal(0, 12, pixels.shape), 0, 255).astype(np.uint8)
        Thumbnails(path).put({row: thumbnail(noisy, 400, 300)})
    return (time.perf_counter() - began) / number


def main() -> None:
    """Measure, and print a table."""
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["MODEL_DIR"] = folder
        from fishermask_backend.web.app import create_app

        project = project_in(open_store(), load_settings().label_studio_url)
        put_thumbnails(Path(folder), project, 100)
        client = create_app().test_client()
        print(f"{TASKS:,} tasks, {ROUNDS} rounds; {machine()}", file=sys.stderr)
        print("| address | as | beside | ms, median | worst | of the processor, median | kB |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for beside, meanwhile in (("nothing", nullcontext), ("a round", rounds_beside)):
            with meanwhile():
                for path in ("/", f"/projects/{STUDIO_ID}"):
                    for kind in ("text/html", "application/json"):
                        print(f"| {path} | {kind} | {beside} | {_measured(client, path, kind)} |")


def _measured(client: FlaskClient, path: str, kind: str) -> str:
    """Ask for a page again and again; the table's cells."""
    took, used, size = [], [], 0
    for _ in range(RUNS):
        began, turns = time.perf_counter(), time.process_time()
        answer = client.get(path, headers={"Accept": kind})
        took.append((time.perf_counter() - began) * 1000)
        used.append((time.process_time() - turns) * 1000)
        assert answer.status_code == 200
        size = len(answer.data)
    shown = (statistics.median(took), max(took), statistics.median(used), size / 1000)
    return " | ".join(f"{each:.0f}" for each in shown)


if __name__ == "__main__":
    main()
