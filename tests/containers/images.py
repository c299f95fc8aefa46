"""The images of the tests: the public ones, or stand-ins on a base that is made here."""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.containers.engine import Engine, NoEngine

PUBLIC = "python:3.11.15-slim-bookworm"  # the Dockerfile's default
MADE = "fishermask-test-base:bookworm"
AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
PACKAGES = "python3,python3-venv,python3-pip,ca-certificates"


def base_image(engine: Engine) -> str:
    """The base for `BASE_IMAGE`: empty for the public one, where that can be pulled.

    Raises:
        NoEngine: It can neither be pulled nor made.
    """
    if engine.pulls(PUBLIC):
        return ""
    if not engine.has_image(MADE):
        _make(engine)
    return MADE


def _make(engine: Engine) -> None:
    if shutil.which("debootstrap") is None:
        raise NoEngine(f"{PUBLIC} cannot be pulled, and there is no debootstrap to make a base")
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "root"
        made = subprocess.run(
            ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", "bookworm", root],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if made.returncode:
            raise NoEngine(f"debootstrap cannot make a base: {made.stdout.splitlines()[-1]}")
        # Where a company re-signs TLS its authorities are this machine's, too.
        shutil.copyfile(AUTHORITIES, root / AUTHORITIES.relative_to("/"))
        archive = Path(name) / "root.tar"
        subprocess.run(["tar", "-C", root, "-cf", archive, "."], check=True)
        engine("import", archive, MADE)


def arguments(base: str) -> dict[str, str]:
    """The build's arguments, those of the environment too; all, or Compose would build anew."""
    names = ("VARIANT", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_NO_INDEX")
    return {"BASE_IMAGE": base} | {name: os.environ.get(name, "") for name in names}
