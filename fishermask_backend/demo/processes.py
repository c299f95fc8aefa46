"""Child processes that end when the demo ends, whatever ends it (standard library only)."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from fishermask_backend.demo import DemoError

STOP_SECONDS = 15.0
LOG_TAIL_LINES = 15


def stop_on_signals() -> None:
    """Turn the first SIGINT, SIGTERM or SIGHUP into KeyboardInterrupt and ignore those after it.

    Ignoring the rest lets the `with` blocks stop every child even if the user presses Ctrl-C twice.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        for each in signals:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt(signal.Signals(number).name)

    signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    for each in signals:
        signal.signal(each, interrupt)


def log_tail(log_file: Path) -> str:
    """Return the last lines of a log, or a word that there is none."""
    try:
        lines = log_file.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    except FileNotFoundError:
        lines = []
    return "\n".join(lines) or "(the log is empty)"


class ChildProcess:
    """A program in a process group of its own, its output in a log file.

    The group keeps the terminal's Ctrl-C from reaching it directly: it is stopped in order by
    whoever started it, together with everything that it started itself.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str | Path],
        log_file: Path,
        *,
        env: Mapping[str, str] | None = None,
        folder: Path | None = None,
        inherit: Sequence[int] = (),
    ) -> None:
        """Remembers what to run.

        Args:
            name: What messages call it: "the worker".
            command: Program and arguments.
            log_file: Where stdout and stderr go; begun anew at each start.
            env: The whole environment of the program; this process's own if None.
            folder: Its working directory.
            inherit: File descriptors that it shall hold open as long as it lives.
        """
        self.name, self.command, self.log_file = name, [str(part) for part in command], log_file
        self.env, self.folder, self.inherit = env, folder, inherit
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the program.

        Raises:
            DemoError: The program is not there or cannot be run.
        """
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with self.log_file.open("wb") as log:
            try:
                self.process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env=self.env,
                    cwd=self.folder,
                    pass_fds=self.inherit,
                    start_new_session=True,
                )
            except OSError as error:
                raise DemoError(f"{self.name} cannot be started: {error}.") from error
        return self

    @property
    def pid(self) -> int | None:
        """Its process id, which is its group's too; None before the start."""
        return self.process.pid if self.process else None

    def alive(self) -> bool:
        """Whether it runs."""
        return self.process is not None and self.process.poll() is None

    def exit_code(self) -> int | None:
        """How it ended (minus the signal's number if by one); None if it did not."""
        return self.process.poll() if self.process else None

    def check(self) -> None:
        """Raise DemoError with the end of the log if the program has ended by itself."""
        if not self.alive():
            raise DemoError(
                f"{self.name} ended by itself (exit code {self.exit_code()}). "
                f"The end of {self.log_file}:\n{log_tail(self.log_file)}"
            )

    def stop(self, seconds: float = STOP_SECONDS) -> None:
        """Asks the whole group to end, waits up to `seconds`, then ends what is left by force."""
        if self.process is None:
            return
        group = self.process.pid  # start_new_session made the child the leader of its group
        deadline = time.monotonic() + seconds
        _signal_group(group, signal.SIGTERM)
        while _group_lives(group, self.process) and time.monotonic() < deadline:
            time.sleep(0.05)
        _signal_group(group, signal.SIGKILL)
        self.process.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def _signal_group(group: int, number: signal.Signals) -> None:
    # On macOS a group whose only members are unreaped answers EPERM instead of ESRCH.
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


def _group_lives(group: int, leader: subprocess.Popen[bytes]) -> bool:
    leader.poll()  # reap it: a zombie would keep the group alive
    try:
        os.killpg(group, 0)
    except (ProcessLookupError, PermissionError):
        return False
    return True
