"""An engine and images for all tests here; skipped, with the reason, where no engine can be had."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest

from fishermask_backend.machine.locks import locked
from tests.containers.deployment import Deployment, copy_of_clone
from tests.containers.engine import Engine, NoEngine, running_engine
from tests.containers.images import IMAGE, arguments, base_image, build
from tests.this_machine import ROOT, machine

FIGURES = ROOT / ".benchmarks/containers"

Keep = Callable[[str, float | str], None]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker(pytest.mark.containers)
            item.add_marker(pytest.mark.timeout(3000))


@pytest.fixture(scope="session")
def keep() -> Keep:
    """Keeps a figure for `tests.containers.page`."""

    def write(name: str, value: float | str) -> None:
        FIGURES.mkdir(parents=True, exist_ok=True)
        figure = {"value": value, "machine": machine(), "date": date.today().isoformat()}
        (FIGURES / f"{name}.json").write_text(json.dumps(figure, indent=1))

    return write


@pytest.fixture(scope="session")
def engine() -> Iterator[Engine]:
    with ExitStack() as stack:
        try:
            yield stack.enter_context(running_engine())
        except NoEngine as error:
            pytest.skip(f"no containers: {error}")


@pytest.fixture(scope="session")
def build_arguments(engine: Engine) -> dict[str, str]:
    """Build arguments; with a `BASE_IMAGE` made here if the public images cannot be pulled."""
    try:
        return arguments(base_image(engine))
    except NoEngine as error:
        pytest.skip(f"no containers: {error}")


@pytest.fixture(scope="session")
def backend_image(
    engine: Engine, build_arguments: dict[str, str], tmp_path_factory: pytest.TempPathFactory,
    keep: Keep,
) -> str:  # fmt: skip
    """The image of docker/Dockerfile, from a clone; seconds and size kept if it was not there."""
    root = copy_of_clone(tmp_path_factory.mktemp("image"))
    FIGURES.mkdir(parents=True, exist_ok=True)
    with locked(FIGURES, wait=True):  # of several processes of tests one builds
        new = not engine.has_image(IMAGE)
        start = time.monotonic()
        build(engine, root, IMAGE, "Dockerfile", build_arguments)
        if new:
            keep("build", time.monotonic() - start)
    keep("image", engine.inspect(IMAGE)["Size"] / 1e9)
    return IMAGE


@pytest.fixture(scope="module")
def deploy(
    engine: Engine,
    backend_image: str,
    build_arguments: dict[str, str],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., Deployment]]:
    """Makes deployments, not up yet, and removes their containers and volumes behind the module."""
    made: list[Deployment] = []

    def make(name: str, files: Sequence[str], stand_ins: Sequence[str], **more: str) -> Deployment:
        if build_arguments["BASE_IMAGE"]:
            files = [*files, *stand_ins]
        folder = tmp_path_factory.mktemp(name)
        made.append(Deployment(engine, folder, name, files, build_arguments, **more))
        remove(made[-1:])  # what a run that was cut off has left
        return made[-1]

    yield make
    remove(made)


def remove(deployments: Sequence[Deployment]) -> None:
    """Remove containers, networks and volumes."""
    for deployment in deployments:  # all containers first: one may be in another's network
        deployment.remove_containers()
    for deployment in deployments:
        deployment.compose("down", "--volumes")
