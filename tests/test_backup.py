"""Backups made while others write, and what is restored from them."""

import io
import json
import shutil
import sqlite3
import stat
import tarfile
import threading
import time
from contextlib import closing

import numpy as np
import pytest
import torch
from sqlalchemy import text

from fishermask_backend import backup as backup_module
from fishermask_backend import model
from fishermask_backend import restore as restore_module
from fishermask_backend.backup import BackupImpossible, backup
from fishermask_backend.cli import main
from fishermask_backend.inputs import RowStore
from fishermask_backend.lifeline import Lifeline
from fishermask_backend.model import FisherMaskBackend
from fishermask_backend.restore import RestoreImpossible, restore
from fishermask_backend.settings import load_settings
from fishermask_backend.store import Store, leases, projects, rounds
from fishermask_backend.store.upgrade import DatabaseTooNew
from fishermask_backend.tensors import load_tensors, save_tensors
from fishermask_backend.tokens import TokenBox
from tests.conftest import FIRST, publish_round

EXPECTED = json.loads((FIRST / "predictions.json").read_text())


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Makes another folder MODEL_DIR, as a process started then sees it."""

    def move(name="elsewhere"):
        monkeypatch.setenv("MODEL_DIR", str(tmp_path / name))
        load_settings.cache_clear()
        model.open_store.cache_clear()
        return load_settings()

    return move


def predictions():
    found = FisherMaskBackend("7.1000").predict([{"id": i, "project": 7} for i in range(1, 20)])
    model.open_store().close()
    model.open_store.cache_clear()
    return found


def files(folder):
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_restored_model_predicts_the_same(first_release, elsewhere, tmp_path, capsys):
    TokenBox("", first_release.model_dir)
    target = tmp_path / "state.tar"
    assert main(["backup", str(target)]) == 0
    assert "keys" in capsys.readouterr().out
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    there = elsewhere()
    assert main(["restore", str(target)]) == 0
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


def test_what_cannot_be_backed_up_is_told(first_release, tmp_path, monkeypatch, elsewhere, capsys):
    (tmp_path / "there.tar").write_text("mine")
    with pytest.raises(BackupImpossible, match="there already"):
        backup(first_release, tmp_path / "there.tar")
    assert (tmp_path / "there.tar").read_text() == "mine"
    assert main(["backup", str(tmp_path / "no" / "folder.tar")]) == 2
    assert "could not be written" in capsys.readouterr().err
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


# restoring


@pytest.fixture
def saved(first_release, tmp_path):
    backup(first_release, tmp_path / "state.tar")
    return tmp_path / "state.tar"


def test_a_state_is_replaced_only_by_force(first_release, saved):
    folder = first_release.model_dir
    with closing(sqlite3.connect(folder / "fishermask.db")) as database:
        database.execute("UPDATE projects SET title = 'later'")
        database.commit()
    (folder / "projects/1/round-2.safetensors").write_bytes(b"later")
    (folder / "mine.txt").write_text("mine")
    with pytest.raises(RestoreImpossible, match="--force"):
        restore(first_release, saved)
    assert (folder / "projects/1/round-2.safetensors").exists()
    restore(first_release, saved, force=True)
    assert predictions() == EXPECTED
    assert files(folder) == [
        "fishermask.db",
        "mine.txt",
        "projects/1/round-1-scorer.safetensors",
        "projects/1/round-1.safetensors",
    ]


def test_nothing_is_replaced_beside_a_worker(first_release, saved):
    lifeline = Lifeline(first_release.model_dir)
    with pytest.raises(RestoreImpossible, match="worker is alive"):
        restore(first_release, saved, force=True)
    lifeline._file.close()
    restore(first_release, saved, force=True)


def claimed(settings, owner, seconds):
    """Let a worker have the projects for so long."""
    with closing(sqlite3.connect(settings.model_dir / "fishermask.db")) as database:
        database.execute(
            "UPDATE projects SET lease_owner = ?, lease_until = ?", (owner, time.time() + seconds)
        )
        database.commit()


def test_nothing_is_replaced_beside_another_machine_s_worker(first_release, saved):
    claimed(first_release, "1-0@elsewhere", 60)
    with pytest.raises(RestoreImpossible, match="1-0@elsewhere"):
        restore(first_release, saved, force=True)
    claimed(first_release, "1-0@elsewhere", -1)
    restore(first_release, saved, force=True)


def test_a_killed_worker_s_claim_is_not_waited_for(first_release, saved):
    lifeline = Lifeline(first_release.model_dir)
    claimed(first_release, lifeline.name, 60)
    lifeline._file.close()
    restore(first_release, saved, force=True)


def test_nothing_is_replaced_under_a_web_server(first_release, saved):
    FisherMaskBackend("7.1000").predict([{"id": 1, "project": 7}])  # and keeps the database open
    with pytest.raises(RestoreImpossible, match=r"in use \(database is locked\): stop web server"):
        restore(first_release, saved, force=True)
    assert predictions() == EXPECTED
    restore(first_release, saved, force=True)


def test_damaged_database_is_replaced(first_release, saved):
    (first_release.model_dir / "fishermask.db").write_bytes(b"damaged" * 1000)
    restore(first_release, saved, force=True)
    assert predictions() == EXPECTED


def test_restore_that_fails_half_way_leaves_the_former_state(first_release, saved, monkeypatch):
    folder = first_release.model_dir
    before = files(folder)
    real = shutil.move

    def move(source, target):
        if target == folder / "fishermask.db" and "fresh" in str(source):
            raise OSError("disk full")
        return real(source, target)

    monkeypatch.setattr(restore_module.shutil, "move", move)
    with pytest.raises(OSError, match="disk full"):
        restore(first_release, saved, force=True)
    assert files(folder) == before
    assert predictions() == EXPECTED


def hostile(path, *members):
    with tarfile.open(path, "w") as archive:
        for member in members:
            info = tarfile.TarInfo(member) if isinstance(member, str) else member
            info.size = 3 if info.isreg() else 0
            archive.addfile(info, io.BytesIO(b"bad"))


@pytest.mark.parametrize(
    "name",
    [
        "../outside",
        "/etc/outside",
        "projects/../../outside",
        "projects/1/../../secret.key",
        "projects/1/round-1.safetensors\n",
        "projects/x/round-1.safetensors",
        ".env",
        "workers/1",
    ],
)
def test_other_names_in_an_archive_are_refused(settings, tmp_path, name):
    hostile(tmp_path / "state.tar", "backup.json", "fishermask.db", name)
    with pytest.raises(RestoreImpossible, match="not a backup of this program"):
        restore(settings, tmp_path / "state.tar")
    assert files(tmp_path) == ["state.tar"]


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.DIRTYPE]
)
def test_links_and_devices_are_refused(settings, tmp_path, kind):
    member = tarfile.TarInfo("secret.key")
    member.type, member.linkname = kind, "/etc/passwd"
    hostile(tmp_path / "state.tar", "backup.json", "fishermask.db", member)
    with pytest.raises(RestoreImpossible, match="not a backup of this program"):
        restore(settings, tmp_path / "state.tar")
    assert files(tmp_path) == ["state.tar"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (None, "cannot be read"),
        (b"", "cannot be read"),
        (b"text" * 1000, "cannot be read"),
        (["fishermask.db"], "not a whole backup"),
        (["backup.json", "fishermask.db", "fishermask.db"], "not a whole backup"),
        (["backup.json", "fishermask.db"], "database is damaged"),
    ],
)
def test_what_is_no_backup_is_told(settings, tmp_path, content, told):
    path = tmp_path / "state.tar"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        hostile(path, *content)
    with pytest.raises(RestoreImpossible, match=told):
        restore(settings, path)
    assert not list(settings.model_dir.rglob("*.db"))


def test_backup_cut_short_is_told(first_release, saved, elsewhere):
    saved.write_bytes(saved.read_bytes()[:200_000])
    with pytest.raises(RestoreImpossible, match="cannot be read"):
        restore(elsewhere(), saved)
    assert files(load_settings().model_dir) == []


def test_a_later_version_s_backup_is_refused(store, settings, elsewhere, tmp_path):
    with store.begin() as session:
        session.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    backup(settings, tmp_path / "state.tar")
    with pytest.raises(DatabaseTooNew):
        restore(elsewhere(), tmp_path / "state.tar")
    assert files(load_settings().model_dir) == []
