"""The demo's data folder: who runs in it, and what a second start takes up again."""

import argparse
import fcntl
import json
import secrets
import shutil
import socket
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path

from fishermask_backend.demo import DemoError

LOOPBACK = "127.0.0.1"


@dataclass
class Remembered:
    """What the next start needs to find everything as it was."""

    user: str = "demo@example.com"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    token: str = field(default_factory=lambda: secrets.token_hex(20))
    ports: dict[str, int] = field(default_factory=dict)
    projects: dict[str, int] = field(default_factory=dict)


class DemoFolder:
    """`.demo/`, held by one running demo at a time.

    The lock is a `flock` on a file whose descriptor the demo's children inherit, so it lasts until
    the last of them has ended, even if the demo itself was killed.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.path.mkdir(parents=True, exist_ok=True)
        self.path.chmod(0o700)  # it holds a password and a token
        self.lock_file = (path / "lock").open("a+")
        try:
            fcntl.flock(self.lock_file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self.lock_file.seek(0)
            raise DemoError(
                f"A demo runs in {path} already: {self.lock_file.read().strip() or 'starting'}. "
                "Stop it with Ctrl-C where it was started, or by `kill` and those process ids."
            ) from error
        self.remembered = self._read()

    @property
    def lock(self) -> int:
        """The descriptor that children inherit."""
        return self.lock_file.fileno()

    def note_running(self, text: str) -> None:
        """Leaves word of what runs here for someone who tries to start another."""
        self.lock_file.truncate(0)
        self.lock_file.write(text)
        self.lock_file.flush()

    def close(self) -> None:
        """Give the folder back."""
        self.note_running("")
        self.lock_file.close()

    def save(self) -> None:
        """Keep `remembered` for the next start."""
        new = self.path / "demo.json.new"
        new.write_text(json.dumps(asdict(self.remembered), indent=1) + "\n")
        new.replace(self.path / "demo.json")

    def port(self, name: str, usual: int) -> int:
        """Return the port that `name` had at the last start, the usual one, or any that is free."""
        for port in (self.remembered.ports.get(name), usual):
            if port and port_is_free(port):
                break
        else:
            port = free_port()
        self.remembered.ports[name] = port
        return port

    def _read(self) -> Remembered:
        try:
            return Remembered(**json.loads((self.path / "demo.json").read_text()))
        except FileNotFoundError:
            return Remembered()


def port_is_free(port: int) -> bool:
    """Whether a server could listen on this port of the loopback address."""
    with socket.socket() as probe:
        # As servers do: a port whose last connections are still closing is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except (OSError, OverflowError):
            return False
    return True


def free_port() -> int:
    """Return a port of the loopback address that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def remove(path: Path) -> None:
    """Remove the folder unless a demo runs in it.

    Raises:
        DemoError: One does.
    """
    if path.exists():
        DemoFolder(path).close()
        shutil.rmtree(path)


def main() -> int:
    """`python -m fishermask_backend.demo.folder --remove`."""
    parser = argparse.ArgumentParser(description="Removes the demo's data folder.")
    parser.add_argument("--remove", action="store_true", required=True)
    parser.add_argument("--folder", type=Path, default=Path(".demo"))
    try:
        remove(parser.parse_args().folder)
    except DemoError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
