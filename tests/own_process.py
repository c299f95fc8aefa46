"""Python code in a process of its own, with this checkout's package."""

import os
import subprocess
import sys
from pathlib import Path


def environment() -> dict[str, str]:
    """Return the environment as it is now, in which this checkout's package is found."""
    return {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}


def printed(code: str, *arguments: str, session: bool = False) -> list[str]:
    """Return the words that some code prints; it must not fail.

    Args:
        code: The code.
        arguments: Its own.
        session: Whether the process leads a session of its own.
    """
    said = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env=environment(),
        start_new_session=session,
        capture_output=True,
        text=True,
        check=True,
    )
    return said.stdout.split()
