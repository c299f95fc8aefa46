"""Label Studio, web server and worker by compose.yaml, on a real engine, and what befalls them."""

import json
import tarfile
import time
from collections.abc import Callable

import pytest

from tests.containers.confinement import check_confined, told_elsewhere
from tests.containers.conftest import Keep
from tests.containers.deployment import URL, Deployment, until
from tests.containers.memory import memory
from tests.containers.trouble import check_cut_network, check_outlived, ready
from tests.e2e.projects import Project

STOP_SECONDS = 10.0


@pytest.fixture(scope="module")
def deployment(deploy: Callable[..., Deployment], keep: Keep) -> Deployment:
    """Up, with the seconds it took kept."""
    made = deploy("fishermask-test", ["compose.yaml"], ["compose.test.yaml"])
    made.compose("build")
    start = time.monotonic()
    made.up()
    until(lambda: made.backend.get("/health").is_success, "healthy")
    keep("up", time.monotonic() - start)
    return made


@pytest.fixture(scope="module")
def project(deployment: Deployment, keep: Keep) -> Project:
    """A project of the deployment's folder of images, connected by `fishermask connect`."""
    made = deployment.project("digits", 80)
    start = time.monotonic()
    said = deployment.fishermask("connect", "--project", str(made.id))
    assert "FAILED" not in said
    keep("connect", time.monotonic() - start)
    assert [backend["url"] for backend in made.backends()] == [URL]
    assert made.backends()[0]["readable_state"] == "Connected"
    deployment.queue(made)
    keep("connect to first queue", time.monotonic() - start)
    return made


def test_labels_make_rounds_whose_order_is_served(
    deployment: Deployment, project: Project, keep: Keep
):
    queue = deployment.queue(project)
    for _ in range(2):
        assert project.label(5) == queue["task_ids"][:5]
        start = time.monotonic()
        queue = deployment.queue(project, after=queue["version"])
        keep("label to order", time.monotonic() - start)
    assert project.owner.open_next(project.id)["id"] == queue["task_ids"][0]
    rounds = deployment.status(project)["rounds"]
    assert [each["labels"] for each in rounds] == [0, 5, 10]
    assert deployment.learnt(project) == project.answers()
    (status,) = json.loads(deployment.fishermask("status", "--json"))
    assert (status["id"], status["labelled"]) == (project.id, 10)


def test_containers_may_do_little_and_tell_no_secret(deployment: Deployment, project: Project):
    secrets = [
        deployment.variables[name] for name in ("LABEL_STUDIO_USER_TOKEN", "LABEL_STUDIO_PASSWORD")
    ]
    for service in ("backend", "worker"):
        (container,) = deployment.containers(service)
        check_confined(deployment.engine, container)
        assert told_elsewhere(deployment.engine, container, secrets) == []
        environment = deployment.engine.inspect(container)["Config"]["Env"]
        assert "LABEL_STUDIO_PASSWORD=" in environment  # the first user's is Label Studio's alone


def test_worker_killed_in_a_round_and_started_again(
    deployment: Deployment, project: Project, keep: Keep
):
    engine, before = deployment.engine, ready(deployment, project)
    (worker,) = deployment.containers("worker")
    project.label(5)
    until(lambda: deployment.status(project)["progress"], "a round")
    engine("kill", worker)
    start = time.monotonic()
    assert deployment.backend.get("/health").is_success
    assert project["model_version"] == before  # the earlier order goes on serving
    deployment.up()
    deployment.queue(project, after=before)
    keep("killed worker to new order", time.monotonic() - start)
    ready(deployment, project)
    assert deployment.learnt(project) == project.answers()


def test_web_server_killed_while_people_label(deployment: Deployment, project: Project):
    before = ready(deployment, project)
    deployment.engine("kill", *deployment.containers("backend"))
    project.label(2)
    deployment.up()
    project.label(3)
    deployment.queue(project, after=before)
    ready(deployment, project)
    assert deployment.learnt(project) == project.answers()


def test_worker_stops_at_once_in_a_round(deployment: Deployment, project: Project, keep: Keep):
    before = ready(deployment, project)
    (worker,) = deployment.containers("worker")
    project.label(5)
    until(lambda: deployment.status(project)["progress"], "a round")
    start = time.monotonic()
    deployment.engine("stop", "--time", "60", worker)
    took = time.monotonic() - start
    keep("stop in a round", took)
    assert took < STOP_SECONDS
    assert deployment.engine.inspect(worker)["State"]["ExitCode"] in (0, 143)
    deployment.engine("start", worker)
    deployment.queue(project, after=before)


def test_labels_made_while_the_network_is_cut_are_learnt(deployment: Deployment, project: Project):
    check_cut_network(deployment, project)


def test_rounds_scores_and_labels_outlive_a_restart(deployment: Deployment, project: Project):
    check_outlived(deployment, project, lambda: deployment.compose("restart"))


def test_rounds_scores_and_labels_outlive_the_containers(
    deployment: Deployment, project: Project, keep: Keep
):
    def down_and_up() -> None:
        deployment.compose("down")
        start = time.monotonic()
        deployment.up()
        keep("up again", time.monotonic() - start)

    check_outlived(deployment, project, down_and_up)


def test_backups_by_the_readmes_commands(deployment: Deployment, project: Project):
    def lose_and_restore() -> None:
        deployment.readme("fishermask backup")
        deployment.compose("down")
        deployment.readme("-czf /to/label-studio.tgz")
        deployment.engine("volume", "rm", f"{deployment.name}_fishermask")
        deployment.up("label-studio")
        deployment.readme("fishermask restore")

    check_outlived(deployment, project, lose_and_restore)
    with tarfile.open(deployment.root / "label-studio.tgz") as kept:
        assert any(name.endswith("label_studio.sqlite3") for name in kept.getnames())


def test_memory_of_the_containers(deployment: Deployment, project: Project, keep: Keep):
    ready(deployment, project)
    keep("memory idle", memory(deployment, "VmRSS"))
    keep("memory at most", memory(deployment, "VmHWM"))
