"""The order: what `/next` serves is the queue, and labels lead to a new one."""

from collections.abc import Callable

import pytest

from tests.e2e.backends import Backend, Status, wait_for
from tests.e2e.people import Person, sign_up
from tests.e2e.projects import MakeProject, Project, as_json, digits, label_config


@pytest.fixture
def queued(project: Project, backend: Backend) -> Project:
    """A project whose first queue is there."""
    project.connect(backend.url)
    backend.queue(project)
    return project


def test_first_queue_is_served_in_its_order(project: Project, backend: Backend, owner: Person):
    project.connect(backend.url)
    queue = backend.queue(project)
    assert queue["version"] == "fishermask-1"
    assert len(queue["task_ids"]) == 10
    assert project["sampling"] == "Uncertainty sampling"
    assert project["model_version"] == "fishermask-1"
    assert [p["task"] for p in project.predictions("fishermask-1")] == queue["task_ids"]
    assert project.label(4, owner) == queue["task_ids"][:4]


def test_labels_lead_to_a_new_order(queued: Project, backend: Backend, owner: Person):
    first = backend.queue(queued)
    queued.label(5, owner)
    second = backend.queue(queued, after=first["version"], seconds=60)
    assert second["version"] == queued["model_version"] == "fishermask-2"
    assert not set(second["task_ids"]) & set(first["task_ids"][:5])
    assert queued.label(4, owner) == second["task_ids"][:4]
    last = backend.rounds(queued)[-1]
    assert (last["acquisition"], last["labels"]) == ("fishermask", 5)
    assert backend.trained(queued) == as_json({i: [queued.truth[i]] for i in first["task_ids"][:5]})
    # The backend's own change of the project came back to it as an event.
    assert [r["labels"] for r in backend.rounds(queued)] == [0, 5]


def test_pre_labels_are_the_round_s(queued: Project, backend: Backend, owner: Person):
    queued.label(5, owner)
    version = backend.queue(queued, after="fishermask-1")["version"]
    shown = owner.open_next(queued.id)["predictions"]
    assert [p["model_version"] for p in shown] == [version]
    (region,) = shown[0]["result"]
    assert region["value"]["choices"][0] in ("zero", "one", "two")
    assert 1 / 3 <= region["score"] <= 1


def test_three_annotators_share_the_order_but_no_task(
    queued: Project, backend: Backend, owner: Person
):
    people = [owner, sign_up(owner), sign_up(owner)]
    order = backend.queue(queued)["task_ids"]
    held = [person.open_next(queued.id) for person in people]
    assert [task["id"] for task in held] == order[:3]
    people[1].submit(held[1], queued.truth[held[1]["id"]])
    people[0].submit(held[0], queued.truth[held[0]["id"]])
    again = [people[i].open_next(queued.id)["id"] for i in (1, 0, 2)]
    assert again == [order[3], order[4], order[2]]


def test_queue_skipped_whole_is_followed_by_another(
    queued: Project, backend: Backend, owner: Person
):
    first = backend.queue(queued)["task_ids"]
    for task_id in first:
        owner.skip(queued.task(task_id))

    def others(status: Status) -> list[int]:
        return [i for i in status["queue"]["task_ids"] if i not in first]

    status = backend.until(queued, lambda status: len(others(status)) >= 5, "a queue of others")
    assert status["active_version"].startswith("fishermask-1.")  # a version of its own
    for expected in others(status)[:3]:
        task = owner.open_next(queued.id)
        assert task["id"] == expected
        owner.skip(task)
    assert [r["labels"] for r in backend.rounds(queued)] == [0]


def test_submit_under_a_superseded_queue_is_accepted(
    queued: Project, backend: Backend, owner: Person
):
    late = sign_up(owner)
    opened = late.open_next(queued.id)
    assert opened["predictions"][0]["model_version"] == "fishermask-1"
    queued.label(5, owner)
    queue = backend.queue(queued, after="fishermask-1")
    annotation = late.submit(opened, queued.truth[opened["id"]])
    assert annotation["parent_prediction"] == opened["predictions"][0]["id"]
    assert late.open_next(queued.id)["id"] in queue["task_ids"]


def test_start_training_makes_a_round(queued: Project, backend: Backend, owner: Person):
    queued.label(2, owner)
    queued.start_training()
    assert backend.queue(queued, after="fishermask-1")["version"] == "fishermask-2"
    assert [r["labels"] for r in backend.rounds(queued)] == [0, 2]


def test_retrieve_predictions_leaves_the_order(queued: Project, backend: Backend, owner: Person):
    queued.label(5, owner)
    queue = backend.queue(queued, after="fishermask-1")
    queued.act("retrieve_tasks_predictions")
    rows = queued.predictions(queue["version"])
    assert sorted(row["task"] for row in rows) == sorted(queued.truth)  # each has one
    assert [row["task"] for row in rows[:10]] == queue["task_ids"]
    assert all(row["result"] for row in rows)
    assert queued.label(4, owner) == queue["task_ids"][:4]


def test_task_imported_later_goes_behind_the_queue(
    queued: Project, backend: Backend, owner: Person
):
    queued.label(5, owner)
    queue = backend.queue(queued, after="fishermask-1")
    (new,) = queued.upload(digits()[40:41])
    # Until it is scored nothing is stored, and Label Studio asks again.
    wait_for(lambda: queued.task(new)["predictions"])
    (shown,) = queued.task(new)["predictions"]
    assert shown["model_version"] == queue["version"]
    assert shown["result"]
    assert (
        shown["score"] >= 0.5 > max(p["score"] for p in queued.predictions(queue["version"])[:10])
    )
    assert queued.label(4, owner) == queue["task_ids"][:4]


def test_two_projects_are_apart(
    queued: Project, make_project: MakeProject, backend: Backend, owner: Person
):
    other = make_project(30, label_config(("zero", "one", "two", "none")))
    other.connect(backend.url)
    theirs = backend.queue(other)
    ours = backend.queue(queued)
    assert set(theirs["task_ids"]) <= set(other.truth)
    assert set(ours["task_ids"]) <= set(queued.truth)
    other.label(5, owner)
    theirs = backend.queue(other, after=theirs["version"])
    assert backend.rounds(other)[-1]["classes"] == ["zero", "one", "two", "none"]
    assert set(backend.trained(other)) <= set(other.truth)
    assert other["model_version"] == "fishermask-2"
    assert set(theirs["task_ids"]) <= set(other.truth)
    # Nothing of it reached the first one.
    assert backend.queue(queued) == ours
    assert queued["model_version"] == ours["version"]
    assert backend.status(queued)["labelled"] == 0
    assert queued.label(2, owner) == ours["task_ids"][:2]


def test_approximations_are_told_and_place_later_tasks(
    start_backend: Callable[..., Backend], project: Project, owner: Person
):
    backend = start_backend(
        FISHER_OVER="head",
        TOP_CLASSES="2",
        MAX_DIM="60",
        MAX_DIM_RULE="sketch",
        POOL_LIMIT="20",
        FACTORS="disk",
    )
    project.connect(backend.url)
    backend.queue(project)
    project.label(5, owner)
    queue = backend.queue(project, after="fishermask-1")
    notes = " ".join(backend.rounds(project)[-1]["notes"])
    for name in ("TOP_CLASSES=2", "MAX_DIM=60", "POOL_LIMIT=20", "FACTORS=disk"):
        assert name in notes
    assert not list(backend.state.glob("factors*"))
    (later,) = project.upload(digits()[40:41])
    backend.until(project, lambda status: status["embedded"] == 41, "embedded")
    body = {"tasks": [project.task(later)], "project": f"{project.id}"}
    (answer,) = backend.client.post("/predict", json=body).json()["results"]
    assert 0.5 <= answer["score"] < 1
    assert answer["result"]
    assert answer["model_version"] == queue["version"]
