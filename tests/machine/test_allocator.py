"""Memory that is given back to the system."""

import subprocess
import sys

import pytest

FRAGMENTS = """
import torch
from pathlib import Path
from fishermask_backend.machine.allocator import release_memory

def resident():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000

kept = [torch.ones(50_000) for _ in range(2000)]  # 0.2 MB each, from the heap
del kept[:-1]  # all but the last, which holds the heap's end
before = resident()
release_memory()
print(before - resident())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc and glibc")
def test_freed_memory_is_given_back():
    told = subprocess.run(
        [sys.executable, "-c", FRAGMENTS], check=True, capture_output=True, text=True,
        env={"MALLOC_MMAP_THRESHOLD_": "1000000000", "MALLOC_TRIM_THRESHOLD_": "1000000000000",
             "PYTHONPATH": "."},
    )  # fmt: skip
    assert float(told.stdout) > 200
