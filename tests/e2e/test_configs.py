"""Configs that people have, and settings of one project: what a real project makes of them."""

import base64

import httpx
import pytest

from fishermask_backend.store import projects
from tests.e2e.machine import Machine
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, Project, digits

TREE = (
    '<view><image name="image" value="$meta.photo"/><taxonomy name="label" toName="image">'
    '<choice value="curved"><choice value="zero"/><choice value="two"/></choice>'
    '<choice value="straight"><choice value="one"/></choice></taxonomy></view>'
)
PATHS = {
    "zero": ["curved", "zero"],
    "two": ["curved", "two"],
    "one": ["straight", "one"],
}


def add(project: Project, *data: dict) -> list[int]:
    """Import tasks with these data; their ids, in order."""
    answer = project.owner.call(
        "POST",
        f"/api/projects/{project.id}/import",
        params={"return_task_ids": "true"},
        json=[{"data": each} for each in data],
    )
    return list(answer["task_ids"])


def choose(owner: Person, task: int, path: list[str]) -> None:
    value = {"taxonomy": [path]}
    region = {"from_name": "label", "to_name": "image", "type": "taxonomy", "value": value}
    owner.call("POST", f"/api/tasks/{task}/annotations", json={"result": [region]})


def test_a_taxonomy_in_any_letter_case_is_learnt_at_the_level_of_the_project(
    machine: Machine, make_project: MakeProject, owner: Person
):
    project = make_project(0, TREE)
    files = digits()[:24]
    urls = [f"data:image/png;base64,{base64.b64encode(data).decode()}" for _, data in files]
    tasks = add(project, *({"meta": {"photo": url}} for url in urls))
    truth = {i: PATHS[name.partition("-")[0]] for i, (name, _) in zip(tasks, files, strict=True)}
    (without,) = add(project, {"meta": {"photo": ""}})

    own = {"taxonomy_level": 1, "batch_size": 4, "audit_share": 0.5}
    project.connect(machine.url, extra_params=own)
    machine.work(lambda: machine.queue(project) is not None, 120)
    assert len(machine.queue(project).task_ids) == 4 + 5  # QUEUE_MARGIN is the backend's
    told = httpx.get(f"{machine.url}/projects/{project.id}").json()
    assert told["settings"] == own
    assert (told["accuracy"], told["forecast"]) == (None, None)
    (error,) = told["image_errors"].values()
    assert f"Task {without}: its data hold no single image address at '$meta.photo'" in error

    queue = machine.queue(project)
    for task in queue.task_ids[:4]:
        choose(owner, task, truth[task])
    choose(owner, queue.task_ids[4], ["curved"])  # of the level, if not a leaf
    machine.work(lambda: machine.queue(project).version.partition(".")[0] != queue.version, 120)
    last = machine.rounds(project)[-1]
    assert last.classes == ["curved", "straight"]
    drawn = set(queue.audit) & set(queue.task_ids[:5])
    told = httpx.get(f"{machine.url}/projects/{project.id}").json()
    assert 1 <= told["accuracy"]["labels"] <= len(drawn)
    assert told["accuracy"]["round"] == last.number
    assert "of the rest would be right" in told["forecast"]["sentence"]
    assert last.label_count >= 4
    shown = project.predictions(machine.queue(project).version)
    assert {path for p in shown for r in p["result"] for [path] in r["value"]["taxonomy"]} <= {
        "curved",
        "straight",
    }
    assert all(p["result"] for p in shown)

    # Edited, and then the database is an older one's: what Label Studio keeps is taken.
    (backend,) = project.backends()
    edited = {"url": machine.url, "project": project.id, "title": "FisherMask"}
    wanted = {"taxonomy_level": 1, "batch_size": 6, "backbone": "small_cnn", "image_size": 32}
    address = f"/api/ml/{backend['id']}"
    owner.call("PATCH", address, json=edited | {"extra_params": wanted})
    known = machine.row(project)
    with machine.store.begin() as session:
        projects.get(session, known.id).params = {"taxonomy_level": 1, "batch_size": 4}
        projects.count_event(session, known.id)
    machine.memory.looked_at.clear()
    machine.work(lambda: machine.row(project).params == wanted)
    machine.work(lambda: "small_cnn" in machine.rounds(project)[-1].inputs_key, 120)
    assert len(machine.rounds(project)[-1].classes) == 2
    refused = owner.client.patch(address, json=edited | {"extra_params": {"taxonomy_level": "two"}})
    assert (refused.status_code, "taxonomy_level='two'" in refused.text) == (400, True)


@pytest.mark.parametrize(
    ("params", "says"),
    [
        ({"batchsize": 3}, "'batchsize' is no setting of a project"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"control_name": "species"}, "which CONTROL_NAME asks for"),
    ],
)
def test_settings_that_cannot_be_meant_are_refused_at_connect(
    machine: Machine, project: Project, params: dict, says: str
):
    body = {
        "url": machine.url,
        "project": project.id,
        "title": "FisherMask",
        "extra_params": params,
    }
    answer = project.owner.client.post("/api/ml", json=body)
    assert answer.status_code == 400
    assert says in answer.text
    assert project.backends() == []


def test_a_config_that_cannot_be_learnt_is_refused_at_connect(
    machine: Machine, make_project: MakeProject
):
    project = make_project(
        0,
        '<View><Image name="image" valueList="$images"/><Choices name="label" toName="image">'
        '<Choice value="a"/><Choice value="b"/></Choices></View>',
    )
    body = {"url": machine.url, "project": project.id, "title": "FisherMask"}
    answer = project.owner.client.post("/api/ml", json=body)
    assert answer.status_code == 400
    assert "shows several images (valueList)" in answer.text
