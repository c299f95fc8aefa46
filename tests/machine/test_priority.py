"""Giving way to those whom people wait for."""

import os
import subprocess
from pathlib import Path

import pytest

from fishermask_backend.machine.priority import NICE, lower_session
from tests.own_process import printed

LOWERED = """
import os
from pathlib import Path
from fishermask_backend.machine.priority import lower_own

before = os.getpriority(os.PRIO_PROCESS, 0)
lower_own()
print(os.getpriority(os.PRIO_PROCESS, 0) - before)
shares = Path("/proc/self/autogroup")
print((shares.read_text().split() or ["none"])[-1] if shares.exists() else "none")
"""


@pytest.mark.parametrize("leader", [True, False], ids=["of its session", "in another's"])
def test_a_process_is_lowered_and_the_session_that_it_leads(leader):
    own = Path("/proc/self/autogroup")
    # A kernel that does not share out by sessions has no such file, or an empty one.
    before = (own.read_text().split() or ["none"])[-1] if own.exists() else "none"
    by, session = printed(LOWERED, session=leader)
    assert int(by) == min(NICE, 19 - os.getpriority(os.PRIO_PROCESS, 0))
    assert session == (str(NICE) if leader and before != "none" else before)


def test_a_session_that_has_ended_is_no_error():
    with subprocess.Popen(["true"], start_new_session=True) as leader:
        leader.wait()
    lower_session(leader.pid)
