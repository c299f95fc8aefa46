"""What befalls containers, and what must have outlived it."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from tests.containers.deployment import Deployment, until
from tests.e2e.projects import Project

CUT_SECONDS = 60.0


def ready(deployment: Deployment, project: Project) -> str:
    """Wait until nothing is pending or under way; the version that is served."""
    until(
        lambda: (
            (status := deployment.status(project))
            and not status["pending_labels"]
            and not status["progress"]
            and project["model_version"] == status["queue"]["version"]
        ),
        "at rest",
        lambda: deployment.told(project),
    )
    return str(deployment.status(project)["queue"]["version"])


@contextmanager
def cut_off(deployment: Deployment) -> Iterator[None]:
    """Take web servers and workers out of their network, for a minute at least."""
    engine = deployment.engine
    containers = [*deployment.containers("backend"), *deployment.containers("worker")]
    networks = {name: deployment.networks(name) for name in containers}
    for name, each in networks.items():
        for network in each:
            engine("network", "disconnect", network, name)
    start = time.monotonic()
    yield
    time.sleep(max(0.0, CUT_SECONDS - (time.monotonic() - start)))
    for name, each in networks.items():
        for network, aliases in each.items():
            words = [word for alias in aliases for word in ("--alias", alias)]
            engine("network", "connect", *words, network, name)


def check_cut_network(deployment: Deployment, project: Project) -> None:
    """Labels made while the backend was cut off are learnt, though no event tells of them."""
    before = ready(deployment, project)
    with cut_off(deployment):
        project.label(6)
    assert project["model_version"] == before
    deployment.queue(project, after=before)  # everything is compared once a minute
    ready(deployment, project)
    assert deployment.learnt(project) == project.answers()


def predicted(project: Project, version: str) -> list[tuple[int, float, Any]]:
    """The predictions of a version, without Label Studio's words on how old they are."""
    return [(p["task"], p["score"], p["result"]) for p in project.predictions(version)]


def check_outlived(
    deployment: Deployment, project: Project, take_down_and_up: Callable[[], None]
) -> None:
    """Rounds, scores and labels are what they were, and the next labels make the next round."""
    version = ready(deployment, project)
    before, scores = deployment.status(project), predicted(project, version)
    take_down_and_up()
    until(lambda: deployment.status(project) and project.tasks(), "up again")
    after = deployment.status(project)
    assert after["rounds"] == before["rounds"]
    assert after["queue"]["version"] == version == project["model_version"]
    assert predicted(project, version) == scores
    assert deployment.learnt(project) == project.answers()
    project.label(5)
    queue = deployment.queue(project, after=version)
    assert project.owner.open_next(project.id)["id"] == queue["task_ids"][0]
