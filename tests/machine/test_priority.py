"""Giving way to those whom people wait for."""

import os
import subprocess

import pytest

from fishermask_backend.machine.priority import NICE, lower_session
from tests.own_process import printed

LOWERED = """
import os
from pathlib import Path
from fishermask_backend.machine.priority import lower_own

def session():
    # A kernel may share out by sessions, or not, or do so for all but its first: no such file, or
    # an empty one, is told as none.
    own = Path("/proc/self/autogroup")
    words = own.read_text().split() if own.exists() else []
    return words[-1] if words else "none"

nice, before = os.getpriority(os.PRIO_PROCESS, 0), session()
lower_own()
print(os.getpriority(os.PRIO_PROCESS, 0) - nice, before, session())
"""


@pytest.mark.parametrize("leader", [True, False], ids=["of its session", "in another's"])
def test_a_process_is_lowered_and_the_session_that_it_leads(leader):
    by, before, after = printed(LOWERED, session=leader)
    assert int(by) == min(NICE, 19 - os.getpriority(os.PRIO_PROCESS, 0))
    assert after == (str(NICE) if leader and before != "none" else before)


def test_a_session_that_has_ended_is_no_error():
    with subprocess.Popen(["true"], start_new_session=True) as leader:
        leader.wait()
    lower_session(leader.pid)
