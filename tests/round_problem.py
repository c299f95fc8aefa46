"""A project over made-up features, at the moment when a round begins."""

import json
from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import torch

from fishermask_backend.learning.backbones import Backbone, load_backbone
from fishermask_backend.learning.inputs import RowStore
from fishermask_backend.settings import load_settings
from fishermask_backend.store import Store, leases, pool, projects, rounds
from fishermask_backend.store.schema import Project, Round, Score
from fishermask_backend.studio import Studio
from fishermask_backend.worker.work import Work

POOL = 30  # tasks 1 to 30, of two kinds in turn


class Published:
    """As much of Label Studio as a round asks: which versions a project's predictions have."""

    def __init__(self, *versions: str) -> None:
        self.versions = list(versions)

    def model_versions(self, studio_id: int) -> list[str]:
        return self.versions


def lite0() -> Backbone:
    return load_backbone(
        "efficientnet_lite0", train="head", image_size=64, weights="", device=torch.device("cpu")
    )


def begun(store: Store, project: Project) -> Work:
    """A step on the project, whose POOL tasks are embedded."""
    ids = range(1, POOL + 1)
    with store.begin() as session:
        row = projects.get(session, project.id)
        pool.put_tasks(session, row, [(i, f"/{i}.png") for i in ids], np.random.default_rng(0))
        for i, task in pool.tasks_by_id(session, project.id, ids).items():
            task.row = i - 1
        lease = leases.claim(session, load_settings().label_studio_url, "worker")
    assert lease is not None
    return Work(load_settings(), store, cast("Studio", Published()), lease)


def embedded(work: Work, backbone: Backbone) -> RowStore:
    """The rows of those tasks."""
    centres = np.random.default_rng(1).normal(size=(2, *backbone.row_shape))
    noise = np.random.default_rng(2).normal(size=(POOL, *backbone.row_shape))
    rows = (centres[np.arange(POOL) % 2] + noise).astype(backbone.row_dtype)
    made = RowStore.fresh(work.folder / "inputs.rows", backbone.row_shape, backbone.row_dtype)
    made.append(0, rows)
    return made


def label(work: Work, answers: Mapping[int, Sequence[str]]) -> None:
    with work.store.begin() as session:
        for i, task in pool.tasks_by_id(session, work.project_id, list(answers)).items():
            task.answer, task.annotated = json.dumps(answers[i]), True


def ranking(work: Work, made: Round) -> tuple[list[int], dict[int, Score]]:
    """A round's tasks in order as far as they can be labelled, and all of its scores."""
    with work.store.read() as session:
        scores = rounds.scores_of(session, made.id, range(1, POOL + 1))
    ordered = sorted(scores, key=lambda i: scores[i].score)
    return [i for i in ordered if scores[i].score < 1.0], scores
