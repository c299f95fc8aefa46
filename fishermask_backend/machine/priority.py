"""Leaving the processor to Label Studio and the web server, which people wait for."""

import os
from contextlib import suppress
from pathlib import Path

NICE = 10


def lower_own() -> None:
    """Lower this process, and its session if it leads one."""
    os.nice(NICE)
    if os.getsid(0) == os.getpid():
        lower_session(os.getpid())


def lower_session(leader: int) -> None:
    """Lower a whole session by the process that leads it.

    Linux may share the processor out among sessions first (autogroup): there the niceness of a
    process counts within its session alone.
    """
    with suppress(OSError):  # another system, or a kernel without it
        Path(f"/proc/{leader}/autogroup").write_text(str(NICE))
