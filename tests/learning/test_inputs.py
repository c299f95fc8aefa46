"""The inputs cache against restarts, damage and being killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from fishermask_backend.learning.inputs import HEADER, InputsUnusable, RowStore

SHAPE = (3, 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "project" / "inputs.rows"


def rows(start: int, stop: int, dtype: str = "float32") -> np.ndarray:
    """Row i is filled with i."""
    return np.arange(start, stop).astype(dtype)[:, None, None] * np.ones(SHAPE, dtype)


@pytest.mark.parametrize("dtype", ["float32", "uint8"])
def test_rows_come_back_in_the_order_asked_for(path: Path, dtype: str) -> None:
    with RowStore(path, SHAPE, dtype) as store:
        assert store.append(0, rows(0, 5, dtype)) == [0, 1, 2, 3, 4]
        assert store.append(5, rows(5, 7, dtype)) == [5, 6]
        read = store.read([6, 0, 3, 3])
    assert read.dtype == np.dtype(dtype)
    np.testing.assert_array_equal(read, rows(0, 7, dtype)[[6, 0, 3, 3]])


def test_reopening_keeps_the_rows(path: Path) -> None:
    with RowStore(path, SHAPE, np.float32) as store:
        store.append(0, rows(0, 4))
    with RowStore(path, SHAPE, np.float32, committed=4) as store:
        assert store.capacity == 4
        np.testing.assert_array_equal(store.read(range(4)), rows(0, 4))


def test_rows_that_were_never_committed_are_written_over(path: Path) -> None:
    with RowStore(path, SHAPE, np.float32) as store:
        store.append(0, rows(0, 2))
        store.append(2, rows(90, 95))  # the process dies here, before its commit
    with RowStore(path, SHAPE, np.float32, committed=2) as store:
        assert store.append(2, rows(2, 4)) == [2, 3]
        np.testing.assert_array_equal(store.read(range(4)), rows(0, 4))


def test_a_reader_sees_what_another_opening_of_the_file_appended(path: Path) -> None:
    with RowStore(path, SHAPE, np.float32) as writer, RowStore(path, SHAPE, np.float32) as reader:
        writer.append(0, rows(0, 3))
        np.testing.assert_array_equal(reader.read([2]), rows(2, 3))


def test_rows_that_were_read_outlive_the_store(path: Path) -> None:
    with RowStore(path, SHAPE, np.float32) as store:
        store.append(0, rows(0, 3))
        read = store.read([1, 2])
        store.append(0, rows(7, 10))
    np.testing.assert_array_equal(read, rows(1, 3))


def test_nothing_is_nothing(path: Path) -> None:
    with RowStore(path, SHAPE, np.float32) as store:
        assert store.append(0, rows(0, 0)) == []
        assert store.read([]).shape == (0, *SHAPE)
        assert store.capacity == 0


@pytest.mark.parametrize("lost", [1, 24, 100])
def test_a_truncated_file_is_told_apart_from_a_whole_one(path: Path, lost: int) -> None:
    with RowStore(path, SHAPE, np.float32) as store:
        store.append(0, rows(0, 10))
    os.truncate(path, path.stat().st_size - lost)
    with pytest.raises(InputsUnusable, match=r"10 are committed"):
        RowStore(path, SHAPE, np.float32, committed=10)
    with RowStore(path, SHAPE, np.float32, committed=5) as store:  # the first five are still there
        np.testing.assert_array_equal(store.read(range(5)), rows(0, 5))


@pytest.mark.parametrize(
    ("shape", "dtype"), [((2, 3), "float32"), (SHAPE, "float64"), ((6,), "float32")]
)
def test_rows_of_another_kind_are_refused(path: Path, shape: tuple[int, ...], dtype: str) -> None:
    RowStore(path, SHAPE, np.float32).close()
    with pytest.raises(InputsUnusable, match="does not hold rows of"):
        RowStore(path, shape, dtype)


@pytest.mark.parametrize("content", [b"", b"\0" * HEADER, b"{" * 10_000])
def test_a_damaged_header_is_refused(path: Path, content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputsUnusable, match="does not hold rows of"):
        RowStore(path, SHAPE, np.float32)


def test_a_missing_file_is_refused_only_if_rows_are_committed(path: Path) -> None:
    with pytest.raises(InputsUnusable, match="cannot be opened"):
        RowStore(path, SHAPE, np.float32, committed=1)
    RowStore(path, SHAPE, np.float32, committed=0).close()


def test_fresh_replaces_whatever_is_there(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"garbage")
    with RowStore.fresh(path, SHAPE, np.float32) as store:
        assert store.capacity == 0
        store.append(0, rows(0, 1))


@pytest.mark.parametrize("wanted", [[3], [-1], [0, 99]])
def test_numbers_outside_the_file_are_refused(path: Path, wanted: list[int]) -> None:
    with RowStore(path, SHAPE, np.float32) as store:
        store.append(0, rows(0, 3))
        with pytest.raises(InputsUnusable, match="holds 3 rows"):
            store.read(wanted)


def test_a_hole_is_refused(path: Path) -> None:
    with (
        RowStore(path, SHAPE, np.float32) as store,
        pytest.raises(InputsUnusable, match="holds 0 rows, 1 are committed"),
    ):
        store.append(1, rows(0, 1))


@pytest.mark.parametrize("wrong", [rows(0, 1, "float64"), np.zeros((1, 2, 3), np.float32)])
def test_wrong_rows_are_a_bug_of_the_caller(path: Path, wrong: np.ndarray) -> None:
    with RowStore(path, SHAPE, np.float32) as store, pytest.raises(ValueError, match="store holds"):
        store.append(0, wrong)


WRITER = """
import sys
from pathlib import Path
import numpy as np
from fishermask_backend.learning.inputs import RowStore

store, committed = RowStore(Path(sys.argv[1]), (1000,), np.int64), open(sys.argv[2], "w")
number = 0
while True:
    rows = np.arange(number, number + 7)[:, None] * np.ones((1, 1000), np.int64)
    number = store.append(number, rows)[-1] + 1
    committed.write(f"{number}\\n")
    committed.flush()
"""


def test_committed_rows_survive_a_kill_at_any_moment(path: Path, tmp_path: Path) -> None:
    for attempt in range(3):
        path.unlink(missing_ok=True)
        ledger = tmp_path / f"committed-{attempt}"
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(ledger)])
        while not ledger.exists() or ledger.read_text().count("\n") < 20:
            assert writer.poll() is None
            time.sleep(0.01 * (attempt + 1))
        writer.send_signal(signal.SIGKILL)
        writer.wait()
        count = int(ledger.read_text().splitlines()[-1])
        with RowStore(path, (1000,), np.int64, committed=count) as store:
            expected = np.arange(count)[:, None].repeat(1000, axis=1)
            np.testing.assert_array_equal(store.read(range(count)), expected)


def test_a_full_disk_is_an_error_and_loses_nothing(path: Path) -> None:
    resource = pytest.importorskip("resource")
    with RowStore(path, SHAPE, np.float32) as store:
        store.append(0, rows(0, 3))
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (HEADER + 100, before[1]))
        try:
            with pytest.raises(OSError, match="too large"):
                store.append(3, rows(3, 50))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
            signal.signal(signal.SIGXFSZ, handler)
        np.testing.assert_array_equal(store.read(range(3)), rows(0, 3))
        assert store.append(3, rows(3, 5)) == [3, 4]
