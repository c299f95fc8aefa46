"""Makes tests/data/first_schema: a database, weights and inputs as the first schema kept them.

Run once, with the code of commit fe3b526, the last before migrations; later code makes other files:

    git worktree add /tmp/first fe3b526 && cd /tmp/first
    PYTHONPATH=. python <this file> <folder for the files>
"""

import json
import os
import random
import sqlite3
import sys
from pathlib import Path

import numpy as np
import torch

OUTPUT = Path(sys.argv[1]).resolve()
os.environ.update(
    MODEL_DIR=str(OUTPUT), BACKBONE="small_cnn", IMAGE_SIZE="16", MASK_INNER="20",
    BATCH_SIZE="4", QUEUE_MARGIN="2", LABEL_STUDIO_URL="http://localhost:8080",
)  # fmt: skip

from fishermask_backend.backbones import load_backbone  # noqa: E402
from fishermask_backend.embedding import open_inputs  # noqa: E402
from fishermask_backend.labeling import parse_label_config  # noqa: E402
from fishermask_backend.model import FisherMaskBackend, open_store  # noqa: E402
from fishermask_backend.round import run_round  # noqa: E402
from fishermask_backend.settings import load_settings  # noqa: E402
from fishermask_backend.store import pool, projects, rounds  # noqa: E402
from fishermask_backend.workspace import Workspace  # noqa: E402

CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    '<Choice value="cat"/><Choice value="dog"/></Choices></View>'
)
LABELLED, POOL = 8, 20


class NothingPublished:
    """As much of Label Studio as a round asks."""

    def model_versions(self, studio_id):
        return []


def main():
    settings, store = load_settings(), open_store()
    with store.begin() as session:
        made = projects.register(session, settings.label_studio_url, 7, 1000)
        made.title, made.label_config, made.connected = "Animals", CONFIG, True
        made.control, made.data_key, made.pass_wanted = "label", "image", False
        made.former = {"sampling": "Sequential sampling", "model_version": ""}
        ids = list(range(1, POOL + 1))
        pool.put_tasks(session, made, [(i, f"/data/{i}.png") for i in ids], random.Random(0))
        spec = parse_label_config(CONFIG)
        pool.put_annotations(
            session, made, spec, {i: [annotation(i)] for i in range(1, LABELLED + 1)}
        )
        lease = projects.claim(session, settings.label_studio_url, "worker")
    work = Workspace(settings, store, NothingPublished(), lease)
    backbone = load_backbone(
        "small_cnn", train="all", image_size=16, weights="", device=torch.device("cpu")
    )
    inputs = open_inputs(work, backbone)
    with store.begin() as session:
        numbers = inputs.append(0, backbone.rows(pictures()))
        for task_id, task in pool.tasks_by_id(session, made.id, ids).items():
            task.row = numbers[task_id - 1] if task_id < POOL else None  # the last one came later
        projects.get(session, made.id).next_row = POOL
    source = run_round(work, spec, backbone, inputs)
    with store.begin() as session:
        queue = rounds.open_queue(session, source, rounds.order(session, source.id)[:6])
        rounds.mark_imported(session, queue.id)
        rounds.activate(session, queue.id)
        projects.release(session, lease, due_at=2e9)
    answers = FisherMaskBackend("7.1000").predict([{"id": i, "project": 7} for i in ids[:-1]])
    (OUTPUT / "predictions.json").write_text(json.dumps(answers, indent=1))
    store.close()
    database = OUTPUT / "fishermask.db"
    with sqlite3.connect(database) as connection:
        (OUTPUT / "fishermask.sql").write_text("\n".join(connection.iterdump()) + "\n")
    for path in OUTPUT.glob("fishermask.db*"):
        path.unlink()


def annotation(task_id):
    choice = "cat" if task_id % 2 else "dog"
    value = {"from_name": "label", "to_name": "image", "type": "choices"}
    return {
        "annotation_id": 100 + task_id, "task_id": task_id, "skipped": False,
        "result": [value | {"value": {"choices": [choice]}}], "ground_truth": False,
        "annotator": 1, "updated_at": "2026-11-24T12:00:00Z",
    }  # fmt: skip


def pictures():
    """(POOL, 3, 16, 16) uint8: cats are dark, dogs are bright."""
    noise = np.random.default_rng(0).integers(0, 90, (POOL, 3, 16, 16))
    bright = 120 * (np.arange(1, POOL + 1) % 2 == 0)
    return (noise + bright[:, None, None, None]).astype(np.uint8)


main()
