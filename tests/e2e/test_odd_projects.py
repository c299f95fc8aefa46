"""What people's projects really hold: odd annotations and data concern their own tasks alone."""

import random
from collections.abc import Iterator
from typing import Any

import pytest

from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.store import pool
from fishermask_backend.studio import Page, Studio, page_sizes
from fishermask_backend.worker import reading_plan
from tests.e2e.backends import Backend
from tests.e2e.faulty_proxy import FaultyProxy
from tests.e2e.machine import Machine, running
from tests.e2e.people import Person, result
from tests.e2e.projects import MakeProject, Project, as_json, digits
from tests.images.image_server import Server
from tests.soak.answers import measure
from tests.soak.promises import ANSWERS_FLAWS

SECONDS = 240.0  # on a busy machine
REGION = result("zero")[0]
ODD: list[Any] = [
    [None],
    [REGION | {"value": "zero"}],
    [REGION | {"value": {"choices": 1}}],
    [REGION | {"value": {"choices": "zero"}}],
    [REGION | {"value": {"choices": [{"zero": 1}]}}],
    ["zero", [["zero"]], 7],
]


def put_in(owner: Person, project: Project, tasks: list[dict[str, Any]]) -> list[int]:
    """Import tasks with what belongs to them; their ids."""
    body = {"params": {"return_task_ids": "true"}, "json": tasks}
    return list(owner.call("POST", f"/api/projects/{project.id}/import", **body)["task_ids"])


def test_odd_annotations_are_named_and_the_others_learnt(
    make_project: MakeProject, backend: Backend, owner: Person
):
    project = make_project(images=24)
    address = next(iter(project.tasks().values()))["data"]["image"]
    annotations = [*ODD, result("zero"), result("one")]
    tasks = [{"data": {"image": address}, "annotations": [{"result": r}]} for r in annotations]
    ids = put_in(owner, project, tasks)
    project.connect(backend.url)
    backend.queue(project, seconds=SECONDS)
    project.label(5)
    backend.queue(project, after="fishermask-1", seconds=SECONDS)
    assert (
        backend.trained(project).items() >= as_json({ids[-2]: ["zero"], ids[-1]: ["one"]}).items()
    )
    status = backend.status(project)
    assert {case["task"] for case in status["not_learnt_annotations"]["examples"]} == set(ids[:-2])
    assert status["not_learnt"].startswith(f"Not learnt as they are: {len(ODD)} annotations")
    assert not status["error"]

    # One is mended in Label Studio.
    (annotation,) = project.task(ids[2])["annotations"]
    owner.change(annotation, result=result("two"))
    told = backend.until(
        project,
        lambda s: f" {len(ODD) - 1} annotations" in s["not_learnt"],
        "one is mended",
        SECONDS,
    )
    assert ids[2] not in {case["task"] for case in told["not_learnt_annotations"]["examples"]}
    assert backend.answers(project).items() >= as_json({ids[2]: ["two"]}).items()


def test_odd_data_concerns_its_own_task(make_project: MakeProject, backend: Backend, owner: Person):
    project = make_project(images=20)
    good = set(project.tasks())
    odd = ["", [], ["/1.png"], [None], "no address", "/\ufffd.png"]  # all that an import takes
    ids = put_in(owner, project, [{"data": {"image": each}} for each in odd])
    project.connect(backend.url)
    queue = backend.queue(project, seconds=SECONDS)
    assert set(queue["task_ids"]) <= good
    status = backend.status(project)
    assert (status["embedded"], status["failed_images"]) == (20, len(odd))
    assert status["image_errors"].keys() == set(map(str, ids))
    assert "hold no single image address" in status["image_errors"][str(ids[0])]


def test_a_project_full_of_annotations_has_a_queue_as_early_as_others(
    make_project: MakeProject, start_backend: Any, owner: Person
):
    project = make_project(images=90)
    project.upload(digits()[90:160])
    bare = set(random.Random(0).sample(sorted(project.truth), 10))
    for i, truth in project.truth.items():
        if i not in bare:
            address = f"/api/tasks/{i}/annotations"
            owner.call("POST", address, json={"result": result(truth)})
    backend = start_backend()
    project.connect(backend.url)
    queue = backend.queue(project, seconds=SECONDS)
    (first,) = backend.rounds(project)
    assert (first["number"], first["acquisition"]) == (1, "fishermask")
    assert set(queue["task_ids"]) <= bare
    assert len(queue["task_ids"]) > 0


def test_images_that_were_refused_for_a_while_are_had_later(
    make_project: MakeProject, backend: Backend, image_host: Server
):
    project, images = make_project(images=0), digits()[:24]
    refused = {f"/later/{name}": (403, {}, b"<Error/>") for name, _ in images}
    image_host.routes |= refused | {"/later/broken.png": (200, {}, b"no image")}
    project.add(*(f"{image_host.url}{path}" for path in refused))
    (broken,) = project.add(f"{image_host.url}/later/broken.png")
    project.connect(backend.url)
    status = backend.until(project, lambda s: s["failed_images"] == 25, "all failed", SECONDS)
    assert status["given_up_images"] == 1
    errors = status["image_errors"]
    assert "is given up; «Start Training»" in errors.pop(str(broken))
    assert all("answered 403" in why and "again in" in why for why in errors.values())

    image_host.routes |= {f"/later/{name}": (200, {}, data) for name, data in images[:23]}
    project.start_training()
    status = backend.until(project, lambda s: s["embedded"] == 23, "embedded", seconds=SECONDS)
    assert backend.queue(project, seconds=SECONDS)["task_ids"]
    assert image_host.paths().count("/later/broken.png") == 2  # «Start Training» tried it, too

    # Nobody need press anything: the last is tried again by itself.
    image_host.routes[f"/later/{images[23][0]}"] = (200, {}, images[23][1])
    backend.until(project, lambda s: s["embedded"] == 24, "embedded", seconds=SECONDS)
    assert backend.status(project)["failed_images"] == 1


@pytest.fixture(scope="module")
def proxy(label_studio: LabelStudioServer) -> Iterator[FaultyProxy]:
    made = FaultyProxy(label_studio.url).start()
    yield made
    made.stop()


@pytest.fixture(scope="module")
def machine(
    proxy: FaultyProxy, label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Machine]:
    with running(proxy.url, label_studio.token, tmp_path_factory.mktemp("machine")) as made:
        yield made


def test_a_pass_ends_while_tasks_are_deleted(
    machine: Machine, make_project: MakeProject, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(page_sizes, "SMALLER", (20, 5))
    monkeypatch.setattr(reading_plan, "PAGE", 20)
    project = make_project(images=0)
    tasks = project.add(*(f"http://127.0.0.1:9/{i}.png" for i in range(400)))
    label = {"result": result("one")}
    project.owner.call("POST", f"/api/tasks/{tasks[390]}/annotations", json=label)
    project.owner.call(
        "POST", f"/api/tasks/{tasks[391]}/annotations", json={"result": [], "was_cancelled": True}
    )
    rng, there, read = random.Random(0), set(tasks), Studio.tasks_between

    def deleting(studio: Studio, *which: Any) -> Page:
        page = read(studio, *which)
        gone = rng.sample(sorted(there - {tasks[390], tasks[391]}), 3)
        project.delete_tasks(*gone)
        there.difference_update(gone)
        came = project.add(f"http://127.0.0.1:9/later-{len(there)}.png")
        there.update(came)
        return page

    project.connect(machine.url)
    with monkeypatch.context() as patch:
        patch.setattr(Studio, "tasks_between", deleting)
        machine.work(lambda: machine.row(project).pass_finished_at > 0, SECONDS)
    with machine.store.read() as session:
        found = pool.tasks_by_id(session, machine.row(project).id, tasks)
    assert there & set(tasks) <= set(found)
    assert (found[tasks[390]].answer, bool(found[tasks[391]].skipped_by)) == ('["one"]', True)
    machine.look_at_everything(project)
    with machine.store.read() as session:
        found = pool.tasks_by_id(session, machine.row(project).id, range(max(there) + 1))
    assert set(found) == there == set(project.tasks())


def test_whatever_is_handed_out_stops_nothing(
    machine: Machine, proxy: FaultyProxy, make_project: MakeProject
):
    project = make_project(images=40)
    machine.connect(project)
    found = measure(12, machine, proxy, project)
    assert found["changed"] > 30
    assert found["labels"] == 12
    assert not any(found[flaw] for flaw in ANSWERS_FLAWS)
