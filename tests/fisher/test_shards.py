"""A pool shared out among processes: the picks of one process that holds all of it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from fishermask_backend.fisher import select_batch, select_jointly

from .shard import (
    HEAD_OPTIONS,
    JOINT_OPTIONS,
    OPTIONS,
    head_pool,
    joint_pool,
    known_of_joint,
    make_pool,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("processes", [2, 3])
def test_processes_pick_as_one_does(processes: int, tmp_path: Path) -> None:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command = [
        *torchrun,
        f"--nproc-per-node={processes}",
        "-m",
        "tests.fisher.shard",
        str(tmp_path),
    ]
    subprocess.run(command, cwd=ROOT, check=True, timeout=120)
    ranks = [json.loads((tmp_path / f"{rank}.json").read_text()) for rank in range(processes)]
    cases = [(*make_pool(), options) for options in OPTIONS]
    cases += [(*head_pool(), options) for options in HEAD_OPTIONS]
    expected = [select_batch(pool, labelled, 6, **options) for pool, labelled, options in cases]
    known = known_of_joint()
    joint = [select_jointly(*joint_pool(), 6, known=known, **options) for options in JOINT_OPTIONS]
    expected += joint
    for i, alone in enumerate(expected):
        together = torch.tensor([x for rank in ranks for x in rank[i][2]], dtype=torch.float64)
        torch.testing.assert_close(together, alone.remaining, rtol=1e-7, atol=1e-12)
        for rank in ranks:
            assert rank[i][0] == alone.indices.tolist()
            assert rank[i][1] == pytest.approx(alone.gains.tolist(), rel=1e-7)
    for i, parts in enumerate((alone.parts for alone in joint), len(expected) - len(joint)):
        left = torch.tensor([row for rank in ranks for row in rank[i][5]], dtype=torch.float64)
        torch.testing.assert_close(left, parts.left, rtol=1e-7, atol=1e-12, equal_nan=True)
        for rank in ranks:
            for found, one in ((rank[i][3], parts.picked), (rank[i][4], parts.above)):
                torch.testing.assert_close(torch.tensor(found, dtype=torch.float64), one)


def test_the_pool_of_this_test_has_a_tie_between_parts() -> None:
    V, labelled = make_pool()
    picks = select_batch(V, labelled, 6).indices.tolist()
    copies = [index for index in picks if index in (3, 20, 40)]
    assert copies == [3, 20, 40][: len(copies)]
    assert copies
