"""Two web servers and two workers on PostgreSQL by compose.scale.yaml, and one of each killed."""

import time
from collections.abc import Callable

import pytest

from tests.containers.confinement import check_confined, told_elsewhere
from tests.containers.conftest import Keep
from tests.containers.deployment import URL, Deployment, until
from tests.containers.trouble import check_cut_network, check_outlived
from tests.e2e.projects import Project

FILES = ["compose.scale.yaml"]
STAND_INS = ["compose.test.yaml", "compose.scale.test.yaml"]


@pytest.fixture(scope="module")
def deployment(deploy: Callable[..., Deployment], keep: Keep) -> Deployment:
    made = deploy("fishermask-scale", FILES, STAND_INS)
    made.compose("build")
    start = time.monotonic()
    made.up()
    until(lambda: made.backend.get("/health").is_success, "healthy")
    keep("scale up", time.monotonic() - start)
    return made


@pytest.fixture(scope="module")
def projects(deployment: Deployment) -> list[Project]:
    """Two projects of it, connected and with a queue."""
    made = [deployment.project("first", 60), deployment.project("second")]
    for project in made:
        assert "FAILED" not in deployment.fishermask("connect", "--project", str(project.id))
        assert [backend["url"] for backend in project.backends()] == [URL]
    for project in made:
        deployment.queue(project)
    return made


def test_all_run_confined_and_tell_no_secret(deployment: Deployment):
    variables = deployment.variables
    secrets = [variables["LABEL_STUDIO_USER_TOKEN"], variables["POSTGRES_PASSWORD"]]
    for service in ("backend", "worker"):
        containers = deployment.containers(service)
        assert len(containers) == 2
        for container in containers:
            check_confined(deployment.engine, container)
            assert told_elsewhere(deployment.engine, container, secrets) == []


def test_projects_learn_one_round_at_a_time(deployment: Deployment, projects: list[Project]):
    queues = [deployment.queue(project) for project in projects]
    for project, queue in zip(projects, queues, strict=True):
        assert project.label(5) == queue["task_ids"][:5]
    for project, before in zip(projects, queues, strict=True):
        queue = deployment.queue(project, after=before["version"])
        assert project.owner.open_next(project.id)["id"] == queue["task_ids"][0]
        assert [each["labels"] for each in deployment.status(project)["rounds"]] == [0, 5]
        assert deployment.learnt(project) == project.answers()


def test_one_of_each_is_killed(deployment: Deployment, projects: list[Project], keep: Keep):
    engine, project = deployment.engine, projects[0]
    before = deployment.queue(project)["version"]
    engine("kill", other_backend(deployment))
    project.label(5)
    until(lambda: stage(deployment, project) == "Fisher information", "a round")
    engine("kill", worker_at(deployment, project))
    start = time.monotonic()
    queue = deployment.queue(project, after=before)  # by the other one
    keep("scale killed worker to new order", time.monotonic() - start)
    assert deployment.learnt(project) == project.answers()
    assert project.owner.open_next(project.id)["id"] == queue["task_ids"][0]
    rounds = deployment.status(project)["rounds"]
    assert [each["labels"] for each in rounds] == [0, 5, 10]
    deployment.up()


def test_labels_made_while_the_network_is_cut_are_learnt(
    deployment: Deployment, projects: list[Project]
):
    check_cut_network(deployment, projects[0])  # the database is behind it, too


def test_rounds_scores_and_labels_outlive_the_containers(
    deployment: Deployment, projects: list[Project]
):
    def down_and_up() -> None:
        deployment.compose("down")
        deployment.up()

    check_outlived(deployment, projects[1], down_and_up)


def stage(deployment: Deployment, project: Project) -> str:
    return str((deployment.status(project)["progress"] or {}).get("stage"))


def other_backend(deployment: Deployment) -> str:
    """The container of the web server that the test does not talk to: ports are drawn by lot."""
    port = deployment.backend.base_url.port
    mine = deployment.engine("ps", "--format", "{{.Names}}", "--filter", f"publish={port}").split()
    (other,) = set(deployment.containers("backend")) - set(mine)
    return other


def worker_at(deployment: Deployment, project: Project) -> str:
    """The container of the worker that has a project."""
    (postgres,) = deployment.containers("postgres")
    question = f"SELECT lease_owner FROM projects WHERE studio_id = {project.id}"
    owner = deployment.engine(
        "exec", postgres, "psql", "-U", "postgres", "-d", "fishermask", "-tAc", question
    ).strip()
    for container in deployment.containers("worker"):
        if f"worker {owner} for" in deployment.engine.logs(container):
            return container
    raise AssertionError(f"no worker says that it is {owner!r}")
