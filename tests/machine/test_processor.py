"""How long a process waits for the processor."""

import subprocess
import sys
from pathlib import Path

import pytest

from fishermask_backend.machine.processor import Turns
from tests.own_process import environment

TOLD = Path("/proc/self/schedstat")
told = pytest.mark.skipif(
    not TOLD.exists() or TOLD.read_text().split()[:1] in ([], ["0"]),
    reason="the kernel does not tell",
)
BUSY = """
import os, time
os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
end = time.process_time() + 0.6
while time.process_time() < end:
    pass
"""
WATCHED = f"""
from fishermask_backend.machine.processor import Turns
before = Turns.now()
{BUSY}
given = Turns.now().since(before)
print(given.used, given.waited, given.share)
"""


@told
def test_two_on_a_core_wait_for_each_other():
    pair = [
        subprocess.Popen(
            [sys.executable, "-c", code], env=environment(), stdout=subprocess.PIPE, text=True
        )
        for code in (WATCHED, f"for _ in range(3):\n{BUSY.replace(chr(10), chr(10) + '    ')}")
    ]
    said, *_ = (process.communicate()[0] for process in pair)
    used, waited, share = map(float, said.split())
    assert used >= 0.6
    assert waited > 0.1
    assert share == pytest.approx(used / (used + waited))


def test_who_wants_nothing_waits_for_nothing():
    assert Turns(0.0, 0.0).share == 1.0
    assert Turns(3.0, 0.0).since(Turns(1.0, 5.0)) == Turns(2.0, 0.0)  # a thread has ended
