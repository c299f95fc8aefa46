"""The images of the tests: the public ones, or stand-ins on a base that is made here.

make docker-images DOCKER_DATA=folder    # all of them, ahead of make docker-test with that folder
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.containers.deployment import copy_of_clone
from tests.containers.engine import Engine, NoEngine, running_engine

IMAGE = "fishermask-backend"
STAND_INS = {  # as docker/compose.test.yaml and compose.scale.test.yaml name them
    "label-studio-stand-in:1.23.2": "label-studio.test.Dockerfile",
    "postgres-stand-in:15": "postgres.test.Dockerfile",
}
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


def build(engine: Engine, root: Path, name: str, file: str, made: dict[str, str]) -> None:
    """Build an image from a clone at `root`, by the Dockerfile `docker/<file>`."""
    options = [x for k, v in made.items() for x in ("--build-arg", f"{k}={v}")]
    engine("build", "--file", f"docker/{file}", "--tag", name, *options, ".", folder=root)


def main() -> None:
    if not (os.environ.get("DOCKER_DATA") or Engine().answers()):
        sys.exit("No engine runs that would keep the images. Name a folder: DOCKER_DATA=…")
    try:
        with running_engine() as engine, tempfile.TemporaryDirectory() as folder:
            root, made = copy_of_clone(Path(folder)), arguments(base_image(engine))
            for name, file in {IMAGE: "Dockerfile", **STAND_INS}.items():
                if name == IMAGE or made["BASE_IMAGE"]:
                    build(engine, root, name, file, made)
                    print(f"{name} is built")
    except NoEngine as error:
        print(f"no images: {error}")


if __name__ == "__main__":
    main()
