"""What is restored from a backup, what is refused, and what stays when a restore fails."""

import io
import shutil
import sqlite3
import tarfile
import time
from contextlib import closing

import pytest
from sqlalchemy import text

from fishermask_backend.commands import restore as restore_module
from fishermask_backend.commands.backup import backup
from fishermask_backend.commands.restore import RestoreImpossible, restore
from fishermask_backend.machine.lifeline import Lifeline
from fishermask_backend.settings import load_settings
from fishermask_backend.store.upgrade import DatabaseTooNew
from fishermask_backend.web.model import FisherMaskBackend
from tests.first_release import EXPECTED, files, predictions


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
