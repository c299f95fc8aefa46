"""Makes tests/data/before_rooms: a state as the code kept it before it had folders.

Beside it lies what that code answered, and what it decided next on the same state: code that goes on
with the state must answer and decide the same.

Run once, with the code of commit f0f6e98:

    git worktree add /tmp/before f0f6e98 && cd /tmp/before
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
    MODEL_DIR=str(OUTPUT), IMAGE_SIZE="32", MASK_INNER="20", DEVICE="cpu",
    BATCH_SIZE="4", QUEUE_MARGIN="2", LABEL_STUDIO_URL="http://localhost:8080",
)  # fmt: skip

from fishermask_backend.backbones import load_backbone  # noqa: E402
from fishermask_backend.embedding import open_inputs  # noqa: E402
from fishermask_backend.labeling import parse_label_config  # noqa: E402
from fishermask_backend.model import FisherMaskBackend, open_store  # noqa: E402
from fishermask_backend.round import run_round  # noqa: E402
from fishermask_backend.settings import load_settings  # noqa: E402
from fishermask_backend.store import leases, pool, projects, queues, rounds  # noqa: E402
from fishermask_backend.workspace import Workspace  # noqa: E402

CONFIG = (
    '<View><Image name="image" value="$image"/><Choices name="label" toName="image">'
    '<Choice value="cat"/><Choice value="dog"/></Choices></View>'
)
POOL, FIRST_LABELS, MORE_LABELS = 24, range(1, 9), range(9, 13)


class NothingPublished:
    """As much of Label Studio as a round asks."""

    def model_versions(self, studio_id):
        return []


def main():
    settings, store = load_settings(), open_store()
    ids = list(range(1, POOL + 1))
    with store.begin() as session:
        made = projects.register(session, settings.label_studio_url, 7, 1000)
        made.title, made.label_config, made.connected = "Animals", CONFIG, True
        made.control, made.data_key, made.pass_wanted = "label", "image", False
        made.former = {"sampling": "Sequential sampling", "model_version": "", "set": True}
        made.progress = {
            "stage": "publishing", "done": 0, "total": 6, "started": 1.0, "at": 1.0,
            "eta_seconds": None,
        }  # fmt: skip
        pool.put_tasks(session, made, [(i, f"/data/{i}.png") for i in ids], random.Random(0))
        lease = leases.claim(session, settings.label_studio_url, "worker")
    work = Workspace(settings, store, NothingPublished(), lease)
    backbone = load_backbone(
        settings.backbone, train="head", image_size=32, weights="", device=torch.device("cpu")
    )
    inputs = open_inputs(work, backbone)
    with store.begin() as session:
        numbers = inputs.append(0, backbone.rows(pictures()))
        for task_id, task in pool.tasks_by_id(session, made.id, ids).items():
            task.row = numbers[task_id - 1] if task_id < POOL else None  # the last one came later
        projects.get(session, made.id).next_row = POOL
    label(store, made, FIRST_LABELS)
    source = run_round(work, parse_label_config(CONFIG), backbone, inputs)
    with store.begin() as session:
        queue = queues.begin(session, source, rounds.order(session, source.id)[:6])
        queues.mark_imported(session, queue.id)
        queues.activate(session, queue.id)
        leases.release(session, lease, due_at=2e9)
    answers = FisherMaskBackend("7.1000").predict([{"id": i, "project": 7} for i in ids[:-1]])
    (OUTPUT / "predictions.json").write_text(json.dumps(answers, indent=1) + "\n")
    label(store, made, MORE_LABELS)
    dump()
    kept = set(OUTPUT.rglob("*.safetensors"))
    following = run_round(work, parse_label_config(CONFIG), backbone, inputs)
    with store.read() as session:
        scores = rounds.scores_of(session, following.id, ids)
    decided = {str(i): [scores[i].score, scores[i].gain] for i in sorted(scores)}
    (OUTPUT / "next_round.json").write_text(json.dumps(decided, indent=1) + "\n")
    store.close()
    for path in {*OUTPUT.glob("fishermask.db*"), *OUTPUT.rglob("*.safetensors")} - kept:
        path.unlink()


def label(store, project, ids):
    with store.begin() as session:
        spec = parse_label_config(CONFIG)
        pool.put_annotations(session, project, spec, {i: [annotation(i)] for i in ids})


def dump():
    with sqlite3.connect(OUTPUT / "fishermask.db") as connection:
        (OUTPUT / "fishermask.sql").write_text("\n".join(connection.iterdump()) + "\n")


def annotation(task_id):
    choice = "cat" if task_id % 2 else "dog"
    value = {"from_name": "label", "to_name": "image", "type": "choices"}
    return {
        "annotation_id": 100 + task_id, "task_id": task_id, "skipped": False,
        "result": [value | {"value": {"choices": [choice]}}], "ground_truth": False,
        "annotator": 1, "updated_at": "2026-11-24T12:00:00Z",
    }  # fmt: skip


def pictures():
    """(POOL, 3, 32, 32) uint8: cats are dark, dogs are bright."""
    noise = np.random.default_rng(0).integers(0, 150, (POOL, 3, 32, 32))
    bright = 60 * (np.arange(1, POOL + 1) % 2 == 0)
    return (noise + bright[:, None, None, None]).astype(np.uint8)


main()
