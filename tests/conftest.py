"""What most tests need: settings in a temporary folder, and a store in it."""

import os
import random
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the worker does, before torch is imported

from fishermask_backend import model
from fishermask_backend.settings import Settings, load_settings
from fishermask_backend.store import Store, pool, projects, rounds
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import Project, Round

CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    '<Choice value="cat"/><Choice value="dog"/></Choices></View>'
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings as a process reads them, with the state in a temporary folder."""
    monkeypatch.chdir(tmp_path)  # no .env of the developer's
    monkeypatch.setenv("MODEL_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("PREDICT_WAIT", "0.3")
    load_settings.cache_clear()
    model.open_store.cache_clear()
    yield load_settings()
    load_settings.cache_clear()
    model.open_store.cache_clear()


@pytest.fixture
def store(settings: Settings) -> Iterator[Store]:
    """The store that the process under test opens."""
    opened = model.open_store()
    yield opened
    opened.close()


@pytest.fixture
def project(store: Store, settings: Settings) -> Project:
    """A connected project, number 7 in Label Studio, with four embedded tasks and no round."""
    with store.begin() as session:
        made = projects.register(session, settings.label_studio_url, 7, 1000)
        made.title, made.connected, made.label_config = "Animals", True, CONFIG
        made.pass_wanted, made.pass_finished_at = False, time.time()
        pool.put_tasks(session, made, [(i, f"/{i}.png") for i in range(1, 5)], random.Random(0))
        for row, task in enumerate(pool.tasks_by_id(session, made.id, [1, 2, 3, 4]).values()):
            task.row = row
        made.next_row = 4
    return made


@pytest.fixture
def served(store: Store, project: Project) -> Project:
    """That project with an active round: the queue is 2, 1; then comes 3; task 4 is not scored."""
    publish_round(store, project, [2, 1], [Scored(3, 0.75, 0.1, np.array([0.5, 0.5]))])
    return project


def publish_round(
    store: Store, project: Project, queue: Sequence[int], rest: Sequence[Scored] = (), **more: Any
) -> Round:
    """Store the project's next round and make it serve a queue of certain cats."""
    now = time.time()
    with store.begin() as session:
        fields = {
            "project_id": project.id,
            "number": rounds.next_number(session, project.id),
            "acquisition": "fishermask",
            "state": "computed",
            "labels": 5,
            "pool": 4,
            "classes": ["cat", "dog"],
            "likelihood": "categorical",
            "inputs_key": "key",
            "triggered_at": now,
            "started_at": now,
            "computed_at": now,
            "seconds": {},
            "notes": [],
        }
        made = Round(**(fields | more))
        places = [
            Scored(task, 0.5 * i / len(queue), 1.0, np.array([0.9, 0.1]))
            for i, task in enumerate(queue)
        ]
        rounds.put_round(session, made, [*places, *rest])
        opened = rounds.open_queue(session, made, list(queue))
        rounds.mark_imported(session, opened.id)
        rounds.activate(session, opened.id)
    return made
