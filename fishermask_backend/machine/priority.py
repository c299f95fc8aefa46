"""Leaving the processor to Label Studio and the web server, which people wait for."""

import os
from contextlib import suppress
from pathlib import Path

NICE = 10
LEAST_NICE = 3  # of the session, where other programs leave it next to nothing


def lower_own() -> None:
    """Lower this process, and its session if it leads one."""
    os.nice(NICE)
    set_own_session(NICE)


def set_own_session(nice: int) -> None:
    """Set how nice this process's session is, if it leads it: from 0, which is as all others are."""
    if os.getsid(0) == os.getpid():
        lower_session(os.getpid(), nice)


def lower_session(leader: int, nice: int = NICE) -> None:
    """Lower a whole session by the process that leads it.

    Linux may share the processor out among sessions first (autogroup): there the niceness of a
    process counts within its session alone.
    """
    with suppress(OSError):  # another system, or a kernel without it
        Path(f"/proc/{leader}/autogroup").write_text(str(nice))
