"""Names in MODEL_DIR, and files that are written whole or not at all."""

import io
import os
import stat
import tarfile

import pytest

from fishermask_backend.commands.backup import ABOUT, backup
from fishermask_backend.commands.restore import RestoreImpossible, restore
from fishermask_backend.images.thumbnails import Thumbnails
from fishermask_backend.machine.lifeline import Lifeline
from fishermask_backend.state import (
    DATABASE,
    INPUTS,
    KEY_FILE,
    METRICS,
    ROUND,
    STATE,
    THUMBNAILS,
    WORKERS,
    Kind,
    drafts,
    round_scorer,
    round_weights,
    whole_file,
    whole_lines,
)
from fishermask_backend.store.tokens import TokenBox
from tests.first_release import files

NAMES = {  # on disks since the first release, or the one that brought them
    round_weights(3, 12, 40): "projects/3/round-12.40.safetensors",
    round_scorer(3, 12, 40): "projects/3/round-12.40-scorer.safetensors",
    INPUTS.named(project=3, key="small_cnn-16"): "projects/3/inputs-small_cnn-16.rows",
    DATABASE: "fishermask.db",
    KEY_FILE: "secret.key",
}


def test_names_stay_as_they_are():
    assert list(NAMES) == list(NAMES.values())


@pytest.mark.parametrize("name", [*NAMES.values(), "projects/1/round-1.safetensors"])
def test_a_name_of_the_state_is_of_one_kind(name):
    assert sum(kind.matches(name) for kind in STATE) == 1


@pytest.mark.parametrize(
    "name",
    [
        "projects/x/round-1.safetensors",
        "projects/1/round-1.safetensors\n",
        "projects/1/round-/../1.safetensors",
        "projects/1/.round-1.safetensors-0a0b0c0d",
        "projects/1/roundX1.safetensors",
        "secretXkey",
        "workers/1",
    ],
)
def test_another_name_is_of_none(name):
    assert not any(kind.matches(name) for kind in STATE)


def test_patterns_find_a_project_s_files_and_all_projects():
    assert INPUTS.pattern(project=3) == "projects/3/inputs-*.rows"
    assert INPUTS.pattern() == "projects/*/inputs-*.rows"
    assert drafts(ROUND.pattern(project=3)) == "projects/3/.round-*.safetensors*"
    assert drafts(KEY_FILE) == ".secret.key*"


@pytest.mark.parametrize("kind", STATE, ids=lambda kind: kind.form)
def test_restore_takes_every_kind_of_file(settings, tmp_path, kind):
    """A new kind cannot be forgotten: what is refused is the database, which is none."""
    name = kind.pattern(project=1).replace("*", "x")
    with tarfile.open(tmp_path / "state.tar", "w") as archive:
        for member in dict.fromkeys([ABOUT, DATABASE, name]):
            info = tarfile.TarInfo(member)
            info.size = 3
            archive.addfile(info, io.BytesIO(b"bad"))
    with pytest.raises(RestoreImpossible, match="database is damaged"):
        restore(settings, tmp_path / "state.tar")


def test_all_that_lies_there_is_known_and_comes_back(first_release, elsewhere, tmp_path):
    TokenBox.of(first_release)
    Lifeline(first_release.model_dir)
    Thumbnails(first_release.model_dir / THUMBNAILS.named(project=1)).put({0: b"jpeg"})
    found = files(first_release.model_dir)
    kept = [name for name in found if not name.startswith((f"{WORKERS}/", f"{METRICS}/"))]
    assert [name for name in kept if not any(kind.matches(name) for kind in STATE)] == []
    assert {kind for kind in STATE for name in kept if kind.matches(name)} == set(STATE)
    backup(first_release, tmp_path / "state.tar", cache=True)
    there = elsewhere()
    restore(there, tmp_path / "state.tar")
    assert files(there.model_dir) == kept


def test_a_file_is_there_once_it_is_whole(tmp_path):
    path = tmp_path / "file"
    with whole_file(path) as draft:
        draft.write_bytes(b"half")
        assert not path.exists()
        assert list(tmp_path.glob(drafts("file"))) == [draft]
        draft.write_bytes(b"whole")
    assert path.read_bytes() == b"whole"
    assert list(tmp_path.iterdir()) == [path]


def test_an_error_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"former")
    with pytest.raises(ZeroDivisionError), whole_file(path) as draft:
        draft.write_bytes(b"half")
        raise ZeroDivisionError
    assert path.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_is_not_to_be_replaced_is_kept(tmp_path):
    path = tmp_path / "file"
    with whole_file(path, replace=False) as draft:
        draft.write_bytes(b"first")
    with pytest.raises(FileExistsError), whole_file(path, replace=False) as draft:
        draft.write_bytes(b"second")
    assert path.read_bytes() == b"first"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(("private", "mode"), [(True, 0o600), (False, 0o644)])
def test_who_may_read_a_file(tmp_path, private, mode):
    before = os.umask(0o022)
    try:
        with whole_file(tmp_path / "file", private=private) as draft:
            assert stat.S_IMODE(draft.stat().st_mode) == mode
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def test_a_kind_names_its_parts():
    with pytest.raises(KeyError):
        Kind("factors.{process}.tmp").named()


def test_of_a_line_that_was_not_finished_nothing_is_left(tmp_path):
    path = tmp_path / "points.csv"
    for content, whole in ((b"", b""), (b"a", b""), (b"a\nb\n", b"a\nb\n"), (b"a\nb", b"a\n")):
        path.write_bytes(content)
        assert whole_lines(path) == whole
        assert path.read_bytes() == whole
