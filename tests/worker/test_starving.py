"""A worker that leads its session beside a program that never stops."""

import subprocess
import sys
from pathlib import Path

import pytest

from fishermask_backend.machine.priority import LEAST_NICE, NICE
from tests.own_process import printed

GROUP = Path("/proc/self/autogroup")
WAITING = Path("/proc/self/schedstat")
told = pytest.mark.skipif(
    not all(file.exists() for file in (GROUP, WAITING))
    or not GROUP.read_text().strip()
    or WAITING.read_text().split()[:1] in ([], ["0"]),
    reason="the kernel shares nothing out by sessions, or does not tell who waits",
)
LOOP = """
import os
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
while True:
    pass
"""
WORKER = """
import os, time
from pathlib import Path
from fishermask_backend.machine.priority import lower_own
from fishermask_backend.worker.starving import not_starving

def nice():
    return int(Path("/proc/self/autogroup").read_text().split()[-1])

os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
lower_own()
told = [nice()]
with not_starving(1.0):
    end = time.monotonic() + 60
    while nice() == told[0] and time.monotonic() < end:
        pass
    told.append(nice())
told.append(nice())
print(*told)
"""


@told
def test_it_is_less_nice_while_it_starves():
    loop = subprocess.Popen([sys.executable, "-c", LOOP], start_new_session=True)
    try:
        said = printed(WORKER, session=True)
    finally:
        loop.kill()
        loop.wait()
    assert said == [str(NICE), str(LEAST_NICE), str(NICE)]
