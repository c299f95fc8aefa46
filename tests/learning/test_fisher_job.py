"""The Fisher computation of a round in several real processes."""

import ipaddress
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from fishermask_backend.errors import LeaseLost
from fishermask_backend.learning import fisher_job
from fishermask_backend.learning import trained as trained_module
from fishermask_backend.learning.acquisition import acquire
from fishermask_backend.learning.fisher_job import (
    ProcessesFailed,
    acquire_in_processes,
    remove_abandoned,
)
from fishermask_backend.machine.locks import locked
from fishermask_backend.settings import load_settings
from tests.e2e.backends import wait_for
from tests.fisher_problem import ENVIRONMENT, HEAD, ranks, small_problem, two_heads

POOL = 41
WORKER = """
from fishermask_backend.learning.fisher_job import acquire_in_processes
from fishermask_backend.settings import load_settings
from tests.fisher_problem import small_problem
settings = load_settings()
trained, _ = small_problem(settings, 41)
acquire_in_processes(trained, settings)
"""


@pytest.fixture
def problem(settings, monkeypatch):
    """A problem, and the settings that the processes will read."""

    def make(**environment):
        for name, value in {**ENVIRONMENT, **environment}.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        settings = load_settings()
        return small_problem(settings, POOL)[0], settings

    return make


@pytest.mark.parametrize(
    ("processes", "options"),
    [
        (2, {"FACTORS": "disk"}),
        (3, {"TOP_CLASSES": "1", "POOL_LIMIT": "20"}),
        (2, HEAD),
        (3, {**HEAD, "POOL_LIMIT": "20", "FACTORS": "bfloat16"}),
        (2, {**HEAD, "FISHER_OVER": "features"}),
    ],
)
def test_processes_find_what_one_finds(problem, monkeypatch, processes, options):
    monkeypatch.setattr(fisher_job, "LOOK_SECONDS", 0.001)
    told = []
    trained, settings = problem(FISHER_PROCESSES=str(processes), **options)
    # As a strategy, a project and little memory may ask for.
    asked = {"mask_inner": 700, "batch_size": 5, "queue_margin": 4}
    settings = settings.model_copy(update=asked | ({"max_dim": 60} if processes == 3 else {}))
    if "FISHER_OVER" in options:
        trained = trained.by_likeness(0)
    alone = acquire(trained, settings)
    watched = replace(trained, on_pick=lambda *counts: told.append(counts))
    shared = acquire_in_processes(watched, settings)
    check_alike(shared, alone)
    assert told == sorted(set(told)) and len(told) > 2  # progress, and on the way, too
    assert told[-1] == (told[0][1], told[0][1])
    assert not list(settings.model_dir.glob("fisher*"))


def test_a_worker_that_may_go_on_no_more_ends_its_processes(problem):
    trained, settings = problem(FISHER_PROCESSES="2", **HEAD)

    def lost(_done, _of):
        raise LeaseLost

    with pytest.raises(LeaseLost):
        acquire_in_processes(replace(trained, on_pick=lost), settings)
    assert not list(settings.model_dir.glob("fisher*"))
    wait_for(lambda: not ranks(settings.model_dir))


def test_processes_find_what_one_finds_for_several_controls(problem):
    _, settings = problem(FISHER_PROCESSES="2", **HEAD)
    trained = two_heads(settings, POOL)
    alone, shared = acquire(trained, settings), acquire_in_processes(trained, settings)
    assert len(alone.masks) == 2
    check_alike(shared, alone)


def check_alike(shared, alone):
    assert len(shared.masks) == len(alone.masks)
    assert all(map(torch.equal, shared.masks, alone.masks))
    assert torch.equal(shared.chosen, alone.chosen)
    assert torch.equal(shared.selection.indices, alone.selection.indices)
    assert shared.notes == alone.notes
    for name in ("gains", "remaining"):
        expected = getattr(alone.selection, name)
        torch.testing.assert_close(getattr(shared.selection, name), expected, rtol=1e-4, atol=1e-9)
    for own, expected in zip(shared.selection.parts, alone.selection.parts, strict=True):
        torch.testing.assert_close(own, expected, rtol=1e-3, atol=1e-6, equal_nan=True)
    for own, expected in zip(shared.selection.scorers, alone.selection.scorers, strict=True):
        torch.testing.assert_close(own.inverse, expected.inverse, rtol=1e-3, atol=1e-6)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_process_with_a_gpu_of_its_own(problem):
    trained, settings = problem(FISHER_PROCESSES="1", DEVICE="auto")
    alone = acquire(trained, settings)
    on_gpu = acquire_in_processes(trained, settings)  # one process, by NCCL
    assert torch.equal(on_gpu.selection.indices, alone.selection.indices)
    torch.testing.assert_close(
        on_gpu.selection.remaining, alone.selection.remaining, rtol=1e-3, atol=1e-9
    )


def test_nobody_else_can_reach_them(problem):
    trained, settings = problem(FISHER_PROCESSES="2")
    with ThreadPoolExecutor(1) as alone:
        job = alone.submit(acquire_in_processes, trained, settings)
        heard = set()
        while not job.done():
            heard |= set(listening(settings.model_dir))
            time.sleep(0.02)
        job.result()
    assert heard  # that is where they send each other their parts
    assert {address for address in heard if not address.is_loopback} == set()


def listening(folder):
    """The addresses at which processes of the job in a folder are listening."""
    for process in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):  # it has just ended
            if str(folder) not in (process / "cmdline").read_text():
                continue
            own = {str(file.readlink()) for file in (process / "fd").iterdir()}
            for table in ("tcp", "tcp6"):
                for line in (process / "net" / table).read_text().splitlines()[1:]:
                    _, local, _, state, *_, inode = line.split()[:10]
                    if state == "0A" and f"socket:[{inode}]" in own:
                        yield address_of(local.partition(":")[0])


def address_of(digits):
    """An address as the kernel writes it: words of four bytes, each in the machine's order."""
    words = [
        int(digits[i : i + 8], 16).to_bytes(4, sys.byteorder) for i in range(0, len(digits), 8)
    ]
    return ipaddress.ip_address(b"".join(words))


def test_a_process_that_dies_fails_the_round_in_a_sentence(problem, monkeypatch, caplog):
    trained, settings = problem(FISHER_PROCESSES="2")
    monkeypatch.setattr(trained_module, "save_classifier", lambda *_: None)  # there is none to read
    with pytest.raises(ProcessesFailed, match="the earlier order goes on serving"):
        acquire_in_processes(trained, settings)
    assert "classifier.safetensors" in caplog.text
    assert not list(settings.model_dir.glob("fisher*"))


def test_they_end_with_a_worker_that_is_killed(problem):
    settings = problem(FISHER_PROCESSES="2")[-1]
    worker = subprocess.Popen([sys.executable, "-c", WORKER], cwd=Path(__file__).parents[2])
    wait_for(lambda: len(ranks(settings.model_dir)) == 2)
    worker.send_signal(signal.SIGKILL)
    worker.wait()
    wait_for(lambda: not ranks(settings.model_dir))
    (folder,) = settings.model_dir.glob("fisher-job-*")
    assert not (folder / fisher_job.FOUND).exists()


def test_folders_of_killed_workers_go_and_those_at_work_stay(tmp_path):
    at_work, abandoned = tmp_path / "fisher-job-1", tmp_path / "fisher-job-2"
    for folder in (at_work, abandoned):
        folder.mkdir()
        (folder / "rows.npy").touch()
    with locked(at_work, wait=False):
        remove_abandoned(tmp_path)
    assert (at_work / "rows.npy").exists()
    assert not abandoned.exists()
