"""Databases of other versions: brought to this one's tables, or refused with a sentence."""

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from fishermask_backend.learning.backbones import load_backbone
from fishermask_backend.learning.classifier import load_classifier, probabilities
from fishermask_backend.store import Store, leases, open_store, pool, projects, rounds
from fishermask_backend.store.schema import Base
from fishermask_backend.store.upgrade import MIGRATIONS, DatabaseOutdated, DatabaseTooNew, newest
from fishermask_backend.web.model import FisherMaskBackend
from fishermask_backend.worker.embedding import open_inputs
from fishermask_backend.worker.scoring import score_new_tasks
from fishermask_backend.worker.work import Work
from tests.conftest import FIRST

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request, tmp_path):
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'new' / 'fishermask.db'}"
    return request.getfixturevalue("postgresql")


def versions(url):
    engine = create_engine(url)
    with engine.connect() as connection:
        found = list(connection.scalars(text("SELECT version_num FROM alembic_version")))
    engine.dispose()
    return found


def test_migrations_make_the_tables_that_the_code_declares(url):
    store = Store(url)
    with store.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    store.close()
    assert versions(url) == [newest()]


def test_revisions_are_numbers_in_a_row():
    script = ScriptDirectory(str(MIGRATIONS))
    numbers = [revision.revision for revision in script.walk_revisions()]
    assert numbers[::-1] == [f"{i:04}" for i in range(1, len(numbers) + 1)]
    assert numbers[0] == newest()


def test_processes_that_start_at_once_make_the_tables_once(url):
    opening = f"from fishermask_backend.store import Store; Store({url!r}).close()"
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", opening],
            env=os.environ | {"PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    assert [start.communicate()[1] for start in starts] == [""] * 4
    assert versions(url) == [newest()]


def test_an_up_to_date_database_is_opened_without_alembic(store, settings):
    opening = (
        f"import sys; from fishermask_backend.store import Store; Store({settings.database!r}); "
        "print('alembic' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", opening],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "False\n"


def test_the_first_schema_s_round_keeps_serving(first_release):
    answers = FisherMaskBackend("7.1000").predict([{"id": i, "project": 7} for i in range(1, 20)])
    assert answers == json.loads((FIRST / "predictions.json").read_text())
    assert versions(first_release.database) == [newest()]
    store = open_store()
    with store.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []
    store.close()


def test_the_first_schema_s_weights_are_used(first_release):
    store = Store(first_release.database)
    with store.begin() as session:
        project = projects.find(session, first_release.label_studio_url, 7, 1000)
        project.due_at = 0.0
        lease = leases.claim(session, first_release.label_studio_url, "worker")
        source = rounds.active(session, project.id)
        known = rounds.scores_of(session, source.id, range(1, 20))
    work = Work(first_release, store, None, lease)
    backbone = load_backbone(
        "small_cnn", train="all", image_size=16, weights="", device=torch.device("cpu")
    )
    with open_inputs(work, backbone) as inputs:
        weights = load_classifier(first_release.model_dir / source.weights, backbone)
        rows = torch.from_numpy(inputs.read(range(19)))
        stored = [rounds.class_probabilities(source, known[i])["dog"] for i in range(1, 20)]
        assert probabilities(weights, rows, "categorical")[:, 1].numpy() == pytest.approx(
            stored, abs=1e-4
        )
        with store.begin() as session:  # the task that came after the round
            pool.tasks_by_id(session, project.id, [20])[20].row = 19
        assert not score_new_tasks(work, backbone, inputs)
    with store.read() as session:
        score = rounds.scores_of(session, source.id, [20])[20]
    assert 0.5 <= score.score < 1.0
    assert np.isfinite(score.gain)
    store.close()


def test_tables_from_before_migrations_that_differ_are_refused(first_release):
    with sqlite3.connect(first_release.model_dir / "fishermask.db") as connection:
        connection.execute("ALTER TABLE projects DROP COLUMN title")
        connection.execute("ALTER TABLE projects ADD COLUMN heading")
    connection.close()
    with pytest.raises(DatabaseOutdated, match="table projects lacks title and has heading"):
        Store(first_release.database)
    assert not inspect(create_engine(first_release.database)).has_table("alembic_version")


def test_a_later_version_s_database_is_refused(url):
    store = Store(url)
    with store.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    store.close()
    with pytest.raises(DatabaseTooNew, match=r"later version's tables \(9999; this version's"):
        Store(url)
    assert versions(url) == ["9999"]
