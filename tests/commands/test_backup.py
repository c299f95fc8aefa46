"""Backups made while others write, and what is restored from them."""

import sqlite3
import stat
import tarfile
import threading
import time
from contextlib import closing

import numpy as np
import pytest
import torch

from fishermask_backend.commands import backup as backup_module
from fishermask_backend.commands.backup import BackupImpossible, backup
from fishermask_backend.commands.restore import restore
from fishermask_backend.learning.inputs import RowStore
from fishermask_backend.learning.tensors import load_tensors, save_tensors
from fishermask_backend.settings import load_settings
from fishermask_backend.store import Store, leases, projects, rounds
from fishermask_backend.store.tokens import TokenBox
from tests.command_line import fishermask
from tests.conftest import FIRST, publish_round
from tests.first_release import EXPECTED, files, predictions


def test_restored_model_predicts_the_same(first_release, elsewhere, tmp_path):
    TokenBox("", first_release.model_dir)
    target = tmp_path / "state.tar"
    made = fishermask("backup", target)
    assert made.exit_code == 0
    assert "keys" in made.stdout
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    there = elsewhere()
    assert fishermask("restore", target).exit_code == 0
    assert predictions() == EXPECTED
    assert files(there.model_dir) == [
        "fishermask.db",
        "projects/1/round-1-scorer.safetensors",
        "projects/1/round-1.safetensors",
        "secret.key",
    ]
    for name in ("secret.key", "projects/1/round-1.safetensors"):
        assert (there.model_dir / name).read_bytes() == (
            first_release.model_dir / name
        ).read_bytes()
    assert stat.S_IMODE((there.model_dir / "secret.key").stat().st_mode) == 0o600


def test_restored_projects_are_compared_with_label_studio_again(first_release, elsewhere, tmp_path):
    with closing(sqlite3.connect(first_release.model_dir / "fishermask.db")) as database:
        database.execute("UPDATE projects SET lease_owner='w', lease_until=2e9, due_at=3e9")
        database.commit()
    backup(first_release, tmp_path / "state.tar")
    there = elsewhere()
    restore(there, tmp_path / "state.tar")
    store = Store(there.database)
    with store.begin() as session:
        project = projects.find(session, there.label_studio_url, 7, 1000)
        assert project.pass_wanted
        assert leases.claim(session, there.label_studio_url, "another") is not None
    store.close()


def test_cache_goes_along_only_if_asked_for(first_release, elsewhere, tmp_path):
    backup(first_release, tmp_path / "small.tar")
    backup(first_release, tmp_path / "large.tar", cache=True)
    name = "projects/1/inputs-small_cnn-16.rows"
    with tarfile.open(tmp_path / "small.tar") as archive:
        assert name not in archive.getnames()
    there = elsewhere()
    restore(there, tmp_path / "large.tar")
    assert (there.model_dir / name).read_bytes() == (FIRST / name).read_bytes()


def test_backup_while_a_worker_writes_is_of_one_moment(
    store, project, settings, elsewhere, tmp_path
):
    """Rounds come and old ones' files go all the time; each copy has the files it names."""
    over = threading.Event()
    folder = settings.model_dir / "projects" / str(project.id)

    def write():
        number = 0
        while not over.is_set():
            number += 1
            name = f"round-{number}.{number}.safetensors"  # number and fence
            save_tensors(folder / name, {"number": torch.tensor(number)})
            weights = f"projects/{project.id}/{name}"
            publish_round(store, project, [2, 1], weights=weights, scorer=None)
            with store.begin() as session:
                for past in rounds.history(session, project.id)[:-1]:
                    past.weights = None
            for path in folder.glob("round-*"):
                if path.name != name:
                    path.unlink()

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while not (folder / "round-3.3.safetensors").exists():
            time.sleep(0.005)
        for i in range(10):
            assert backup(settings, tmp_path / f"{i}.tar") == []
    finally:
        over.set()
        writer.join()
    seen = set()
    for i in range(10):
        there = elsewhere(f"restored-{i}")
        restore(there, tmp_path / f"{i}.tar")
        restored = Store(there.database)
        with restored.read() as session:
            serving = rounds.active(session, project.id)
        restored.close()
        tensors, _ = load_tensors(there.model_dir / serving.weights)
        assert int(tensors["number"]) == serving.number
        seen.add(serving.number)
    assert len(seen) > 1


def test_files_that_go_during_the_copying_are_part_of_it(first_release, tmp_path, monkeypatch):
    """A round ends and a cache is begun anew while the database is copied."""
    with closing(sqlite3.connect(first_release.model_dir / "fishermask.db")) as database:
        database.execute("PRAGMA journal_mode=WAL")  # as a running backend has set it
    real = backup_module._copy_database
    weights, cache = "projects/1/round-1.safetensors", "projects/1/inputs-small_cnn-16.rows"
    former = {name: (first_release.model_dir / name).read_bytes() for name in (weights, cache)}

    def copy(live, copy):
        with closing(sqlite3.connect(first_release.model_dir / "fishermask.db")) as writer:
            writer.execute("UPDATE rounds SET weights = NULL")
            writer.commit()
        (first_release.model_dir / weights).unlink()
        RowStore.fresh(first_release.model_dir / cache, (3, 16, 16), np.uint8).close()
        real(live, copy)

    monkeypatch.setattr(backup_module, "_copy_database", copy)
    assert backup(first_release, tmp_path / "state.tar", cache=True) == []
    with tarfile.open(tmp_path / "state.tar") as archive:
        for name, content in former.items():
            assert archive.extractfile(name).read() == content
        archive.extract("fishermask.db", tmp_path, filter="data")
    with closing(sqlite3.connect(tmp_path / "fishermask.db")) as database:
        assert database.execute("SELECT weights FROM rounds").fetchall() == [(weights,)]


def test_weights_lost_long_ago_are_named_and_the_rest_is_kept(first_release, elsewhere, tmp_path):
    (first_release.model_dir / "projects/1/round-1-scorer.safetensors").unlink()
    lost = backup(first_release, tmp_path / "state.tar")
    assert lost == ["projects/1/round-1-scorer.safetensors"]
    elsewhere()
    restore(load_settings(), tmp_path / "state.tar")
    assert predictions() == EXPECTED


def test_what_cannot_be_backed_up_is_told(first_release, tmp_path, monkeypatch, elsewhere):
    (tmp_path / "there.tar").write_text("mine")
    with pytest.raises(BackupImpossible, match="there already"):
        backup(first_release, tmp_path / "there.tar")
    assert (tmp_path / "there.tar").read_text() == "mine"
    refused = fishermask("backup", tmp_path / "no" / "folder.tar")
    assert refused.exit_code == 2
    assert "could not be written" in refused.stderr
    with pytest.raises(BackupImpossible, match="no database"):
        backup(elsewhere("empty"), tmp_path / "state.tar")
    monkeypatch.setenv("DATABASE_URL", "postgresql+psycopg://me:secret@127.0.0.1/db")
    load_settings.cache_clear()
    for refused in (backup, restore):
        with pytest.raises(BackupImpossible, match="pg_dump") as told:
            refused(load_settings(), tmp_path / "state.tar")
        assert "secret" not in str(told.value)
    assert [p.name for p in tmp_path.glob("*.tar")] == ["there.tar"]
    assert not list(tmp_path.glob(".*"))
