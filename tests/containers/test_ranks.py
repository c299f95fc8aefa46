"""The Fisher part of a round in two containers, and what happens when one of them is killed."""

import os
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from fishermask_backend.learning.acquisition import Acquisition, acquire
from fishermask_backend.learning.fisher_job import FOUND, read_found
from fishermask_backend.settings import Settings
from tests.containers.conftest import Keep
from tests.containers.engine import Engine
from tests.fisher_problem import ENVIRONMENT, small_problem

NETWORK = "fishermask-ranks"
NAMES = ("fishermask-rank-0", "fishermask-rank-1")
PORT = 29500
JOB = "/job"
SETTINGS = Settings(**{name.lower(): value for name, value in ENVIRONMENT.items()})


@pytest.fixture
def start(engine: Engine, backend_image: str) -> Iterator[Callable[[Path], None]]:
    """Starts both containers, each with one process of the job in a folder."""
    engine("network", "create", NETWORK)

    def run(folder: Path) -> None:
        variables = [x for k, v in ENVIRONMENT.items() for x in ("--env", f"{k}={v}")]
        for name in NAMES:
            engine(
                "run", "--detach", "--name", name, "--hostname", name, "--network", NETWORK,
                "--read-only", "--tmpfs", "/tmp", "--cap-drop", "ALL",
                "--user", f"{os.getuid()}:{os.getgid()}",  # whose folder it is
                "--volume", f"{folder}:{JOB}", *variables, "--entrypoint", "torchrun", backend_image,
                "--nnodes=2", "--nproc-per-node=1", "--max-restarts=0", "--rdzv-backend=c10d",
                f"--rdzv-endpoint={NAMES[0]}:{PORT}",
                "-m", "fishermask_backend.learning.fisher_job", JOB,
            )  # fmt: skip

    yield run
    engine("rm", "--force", *NAMES)
    engine("network", "rm", NETWORK)


def computing(engine: Engine) -> bool:
    return "of 2 computes" in engine.logs(NAMES[0])


def ended(engine: Engine, name: str) -> int:
    """Wait for a container's end; its exit code."""
    return int(engine("wait", name, seconds=240))


def test_containers_find_what_one_process_finds(
    engine: Engine, start: Callable[[Path], None], tmp_path: Path
):
    trained, _ = small_problem(SETTINGS, 41)
    trained.save(tmp_path)
    start(tmp_path)
    codes = [ended(engine, name) for name in NAMES]
    assert codes == [0, 0], engine.logs(NAMES[0])
    check_same(read_found(tmp_path), acquire(trained, SETTINGS))


def test_one_is_killed_and_the_other_ends_too(
    engine: Engine, start: Callable[[Path], None], tmp_path: Path, keep: Keep
):
    trained, _ = small_problem(SETTINGS, 20_000)
    trained.save(tmp_path)
    start(tmp_path)
    while not computing(engine):
        assert engine.inspect(NAMES[0])["State"]["Running"], engine.logs(NAMES[0])
        time.sleep(0.1)
    engine("kill", NAMES[1])
    begin = time.monotonic()
    assert ended(engine, NAMES[0]) != 0
    assert "TensorsUnusable" not in engine.logs(NAMES[0])  # it was at work
    keep("killed rank to the other's end", time.monotonic() - begin)
    assert not (tmp_path / FOUND).exists()


def check_same(shared: Acquisition, expected: Acquisition) -> None:
    assert torch.equal(shared.masks[0], expected.masks[0])
    assert torch.equal(shared.chosen, expected.chosen)
    assert torch.equal(shared.selection.indices, expected.selection.indices)
    torch.testing.assert_close(
        shared.selection.gains, expected.selection.gains, rtol=1e-4, atol=1e-9
    )
