"""The backend by compose.external.yaml, beside a Label Studio in another network."""

from collections.abc import Callable

from tests.containers.deployment import Deployment, until

LABEL_STUDIO, BACKEND = "labels.example", "fishermask.example"


def test_it_learns_from_a_label_studio_elsewhere(deploy: Callable[..., Deployment]):
    elsewhere = deploy("fishermask-elsewhere", ["compose.yaml"], ["compose.test.yaml"])
    elsewhere.compose("build", "label-studio")
    elsewhere.up("label-studio")
    beside = deploy(
        "fishermask-beside",
        ["compose.external.yaml"],
        [],
        LABEL_STUDIO_URL=f"http://{LABEL_STUDIO}:8080",
        LABEL_STUDIO_API_KEY=elsewhere.variables["LABEL_STUDIO_USER_TOKEN"],
        BACKEND_URL=f"http://{BACKEND}:9090",
    )
    beside.up()
    join(elsewhere, beside)
    until(lambda: elsewhere.owner().id, "Label Studio answers")
    project = elsewhere.project("beside")
    assert "FAILED" not in beside.fishermask("connect", "--project", str(project.id))
    queue = beside.queue(project)
    assert project.label(5) == queue["task_ids"][:5]
    beside.queue(project, after=queue["version"])
    assert beside.learnt(project) == project.answers()


def join(elsewhere: Deployment, beside: Deployment) -> None:
    """Let each reach the other under the name that it has outside."""
    (network,) = elsewhere.networks(elsewhere.containers("label-studio")[0])
    engine = elsewhere.engine
    engine("network", "connect", "--alias", BACKEND, network, *beside.containers("backend"))
    (network,) = beside.networks(beside.containers("worker")[0])
    engine(
        "network", "connect", "--alias", LABEL_STUDIO, network,
        *elsewhere.containers("label-studio"),
    )  # fmt: skip
