"""Makes the virtual environments of the demo and the tests (standard library only).

`python -m fishermask_backend.demo.environments backend label-studio` makes what is missing or
out of date and takes a moment when nothing is.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from fishermask_backend.demo import DemoError
from fishermask_backend.demo.processes import ChildProcess, log_tail, stop_on_signals
from fishermask_backend.demo.progress import Progress

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / ".demo"
# With torch's CUDA libraries, which only Linux has, and room for pip to unpack them.
BACKEND_GIGABYTES = 9.0 if sys.platform == "linux" else 2.0


@dataclass(frozen=True)
class Environment:
    """A folder with a Python of its own and the pinned packages of one requirements file."""

    title: str
    folder: Path
    requirements: Path
    gigabytes: float
    with_package: bool = True

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def stamp_file(self) -> Path:
        """Where it stands what was installed."""
        return self.folder / "installed.json"

    def stamp(self) -> dict[str, str]:
        """Return what was installed when, as hashes by file name; empty if it must be made (again)."""
        try:
            stamp = json.loads(self.stamp_file.read_text())
        except (FileNotFoundError, json.JSONDecodeError):
            return {}
        # A moved folder's scripts point to the old place; an upgraded Python may be gone.
        usable = stamp.get("folder") == str(self.folder) and self.python.exists()
        return dict(stamp) if usable else {}

    def wanted(self) -> dict[str, str]:
        """Return the hashes that the stamp has once everything is installed."""
        files = [self.requirements] + ([ROOT / "pyproject.toml"] if self.with_package else [])
        return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    def ready(self) -> bool:
        """Whether all that is wanted is installed."""
        return self.wanted().items() <= self.stamp().items()


ENVIRONMENTS = {
    "backend": Environment(
        "the backend", ROOT / ".venv", ROOT / "requirements.txt", BACKEND_GIGABYTES
    ),
    "dev": Environment(
        "the backend and its tests",
        ROOT / ".venv",
        ROOT / "requirements-dev.txt",
        BACKEND_GIGABYTES + 0.5,
    ),
    "label-studio": Environment(
        "Label Studio",
        ROOT / ".venv-label-studio",
        ROOT / "requirements-label-studio.txt",
        1.5,
        with_package=False,
    ),
}


def make(names: list[str]) -> None:
    """Make those of the named environments that are not ready.

    Raises:
        DemoError: There is no venv module, too little disk, or pip failed.
    """
    missing = [ENVIRONMENTS[name] for name in names if not ENVIRONMENTS[name].ready()]
    if missing:
        check_venv()
        check_disk(sum(each.gigabytes for each in missing if not each.stamp()))
    for each in missing:
        _make(each)


def check_venv() -> None:
    """Raise DemoError where Python came without its venv module, as on a bare Debian."""
    probe = subprocess.run(
        [sys.executable, "-c", "import ensurepip, venv"], capture_output=True, check=False
    )
    if probe.returncode:
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        raise DemoError(
            f"{sys.executable} has no venv module. On Debian and Ubuntu install it with "
            f"`sudo apt install python{version}-venv`, or name another Python by PYTHON=…"
        )


def check_disk(gigabytes: float, folder: Path = ROOT) -> None:
    """Raise DemoError if `folder`'s disk has less than `gigabytes` (10⁹ bytes) free."""
    free = shutil.disk_usage(folder).free / 1e9
    if free < gigabytes:
        raise DemoError(
            f"The environments need about {gigabytes:.1f} GB and the disk of {folder} has "
            f"{free:.1f} GB free. Free some, or put the clone on a larger disk."
        )


def _make(environment: Environment) -> None:
    stamp = environment.stamp()
    if not stamp:
        with Progress(f"Making {environment.folder.name}, the environment of {environment.title}"):
            _run(environment, [sys.executable, "-m", "venv", "--clear", environment.folder])
    begun = {"folder": str(environment.folder)}
    environment.stamp_file.write_text(json.dumps(begun))
    pip: list[str | Path] = [environment.python, "-m", "pip", "install", "--no-deps", "--no-input"]
    pip += ["--disable-pip-version-check", "--progress-bar=off"]
    with Progress(f"Installing {environment.title} (some minutes the first time)") as progress:
        _run(environment, [*pip, "-r", environment.requirements], progress)
    if environment.with_package:
        with Progress("Installing this package itself"):
            # setuptools is among the pinned packages, so nothing more is fetched to build.
            _run(environment, [*pip, "--no-build-isolation", "-e", ROOT])
    stamp |= environment.wanted() | begun
    environment.stamp_file.write_text(json.dumps(stamp, indent=1) + "\n")


def _run(
    environment: Environment, command: list[str | Path], progress: Progress | None = None
) -> None:
    """Run one step with its output in a log, which is removed if all goes well."""
    DEMO.mkdir(exist_ok=True)
    log_file = DEMO / f"install{environment.folder.name}.log"
    total = sum(1 for line in environment.requirements.open() if re.match(r"\w", line))
    # pip unpacks gigabytes: do it on the disk whose space was checked, not in a small /tmp.
    with tempfile.TemporaryDirectory(dir=DEMO) as scratch:
        env = {**os.environ, "TMPDIR": scratch, "PYTHONUNBUFFERED": "1"}
        with ChildProcess("pip", command, log_file, env=env) as child:
            while child.alive():
                if progress:
                    unpacked = environment.folder.glob("lib/python*/site-packages/*.dist-info")
                    log = log_file.read_text(errors="replace")
                    progress(pip_state(log, total, sum(1 for _ in unpacked)))
                time.sleep(0.3)
    if child.exit_code():
        raise DemoError(
            f"Installing {environment.title} failed; run the same command again once this is "
            f"mended. The end of {log_file}:\n{log_tail(log_file)}"
        )
    log_file.unlink()


def pip_state(log: str, total: int, unpacked: int) -> str:
    """Says in a few words how far pip is, from what it has printed.

    Args:
        log: pip's output so far.
        total: Packages in the requirements file.
        unpacked: Packages that are in place.
    """
    if "Installing collected packages" in log:
        return f"unpacked {unpacked} of {total}"
    seen = re.findall(r"^(?:Collecting|Requirement already satisfied:) ([\w.-]+)", log, re.M)
    if not seen:
        return "starting pip"
    last = log.rpartition("Collecting")[2]
    size = re.findall(r"^ +Downloading .*(\([\d.]+ [kMG]B\))", last, re.M)
    return " ".join([f"package {len(seen)} of {total}, {seen[-1]}", *size[-1:]])


def main(names: list[str]) -> int:
    """Make the named environments; answer an exit code."""
    stop_on_signals()
    try:
        make(names)
    except DemoError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped. The same command goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
