"""A state of the code before it had folders goes on: the same answers, and the same next round."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
import torch

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning import backbones, lesson
from fishermask_backend.learning.backbones import load_backbone
from fishermask_backend.settings import load_settings
from fishermask_backend.store import leases, pool, projects, rounds
from fishermask_backend.web.model import FisherMaskBackend, open_store
from fishermask_backend.worker.embedding import open_inputs
from fishermask_backend.worker.round import run_round
from fishermask_backend.worker.scoring import score_new_tasks
from fishermask_backend.worker.work import Work
from tests.conftest import CONFIG

BEFORE = Path(__file__).parent / "data" / "before_rooms"  # made by make_before_rooms.py beside it
SPEC = parse_label_config(CONFIG)
POOL = 24


class NothingPublished:
    """As much of Label Studio as a round asks."""

    def model_versions(self, studio_id):
        return []


@pytest.fixture
def before(settings, monkeypatch):
    """Settings with that state: project 7, a round of 8 labels that serves, 4 labels since."""
    shutil.copytree(BEFORE / "projects", settings.model_dir / "projects")
    with closing(sqlite3.connect(settings.model_dir / "fishermask.db")) as connection:
        connection.executescript((BEFORE / "fishermask.sql").read_text())
    chosen = {
        "BACKBONE": "efficientnet_lite0",
        "IMAGE_SIZE": "32",
        "FISHER_OVER": "head",
        "MASK_INNER": "20",
        "BATCH_SIZE": "4",
        "QUEUE_MARGIN": "2",
        "RIDGE": "0.1",  # the defaults of then
        "TARGET": "pool",
        "AUDIT_SHARE": "0",
    }
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    load_settings.cache_clear()
    return load_settings()


@pytest.fixture
def work(before):
    store = open_store()
    with store.begin() as session:
        project = projects.find(session, before.label_studio_url, 7, 1000)
        project.due_at = 0.0
        lease = leases.claim(session, before.label_studio_url, "worker")
    yield Work(before, store, NothingPublished(), lease)
    store.close()


@pytest.fixture(scope="module")
def backbone():
    return load_backbone(
        "efficientnet_lite0", train="head", image_size=32, weights="", device=torch.device("cpu")
    )


def test_it_answers_as_before(before):
    ids = range(1, POOL)
    answers = FisherMaskBackend("7.1000").predict([{"id": i, "project": 7} for i in ids])
    assert answers == json.loads((BEFORE / "predictions.json").read_text())


def test_its_rows_are_kept_and_its_next_round_decides_as_before(work, backbone, monkeypatch):
    monkeypatch.setattr(lesson, "informed", lambda model, *_: (model, ()))  # heads of then
    monkeypatch.setattr(backbones, "DROPOUT", 0.2)
    with open_inputs(work, backbone) as inputs:
        assert work.project().next_row == POOL  # of another key all would be embedded again
        made = run_round(work, SPEC, backbone, inputs)
    expected = json.loads((BEFORE / "next_round.json").read_text())
    with work.store.read() as session:
        scores = rounds.scores_of(session, made.id, range(1, POOL + 1))
    assert {str(i): s.score for i, s in scores.items()} == {i: e[0] for i, e in expected.items()}
    gains = [expected[str(i)][1] for i in scores]
    assert [s.gain for s in scores.values()] == pytest.approx(gains, rel=1e-3, abs=1e-6)


def test_its_round_places_a_task_that_came_later(work, backbone):
    with work.store.begin() as session:
        pool.tasks_by_id(session, work.project_id, [POOL])[POOL].row = POOL - 1
    with open_inputs(work, backbone) as inputs:
        assert not score_new_tasks(work, backbone, inputs)
    with work.store.read() as session:
        serving = rounds.active(session, work.project_id)
        score = rounds.scores_of(session, serving.id, [POOL])[POOL]
        assert serving.weights is not None  # its files could be read
        assert serving.scorer is not None
    assert 0.5 <= score.score < 1.0
    assert rounds.class_probabilities(serving, score).keys() == {"cat", "dog"}
