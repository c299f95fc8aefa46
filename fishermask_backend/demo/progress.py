"""What a waiting user sees (standard library only: it runs before any environment is made)."""

import shutil
import sys
import time
from types import TracebackType
from typing import Self, TextIO

SECONDS_BETWEEN_LINES = 15.0


class Progress:
    """One step that takes long: a rewritten line on a terminal, elsewhere a line now and then.

    `with Progress("Starting Label Studio") as progress: progress("migrating")` ends with a line
    that tells how long the step took, or that it did not finish.
    """

    def __init__(self, step: str, stream: TextIO | None = None) -> None:
        self.step = step
        self.stream = stream or sys.stdout
        self.started = self.last_line = time.monotonic()

    def __call__(self, state: str) -> None:
        """Show `state` beside the step's name and the seconds since its start."""
        text = f"{self.step}: {state} ({time.monotonic() - self.started:.0f} s)"
        if self.stream.isatty():
            width = shutil.get_terminal_size().columns - 1
            self._write("\r\x1b[K" + text[:width])
        elif time.monotonic() - self.last_line > SECONDS_BETWEEN_LINES:
            self.last_line = time.monotonic()
            self._write(text + "\n")

    def __enter__(self) -> Self:
        if self.stream.isatty():
            self._write(f"{self.step} …")
        else:
            self._write(f"{self.step}\n")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        end = "done" if kind is None else "not finished"
        start = "\r\x1b[K" if self.stream.isatty() else ""
        self._write(f"{start}{self.step}: {end} ({time.monotonic() - self.started:.0f} s)\n")

    def _write(self, text: str) -> None:
        self.stream.write(text)
        self.stream.flush()
