"""What a label means: what was asked, by whom it was answered, and what is told of the rest."""

import json
from typing import Any

import httpx
import pytest

from fishermask_backend.store import pool, projects
from tests.e2e.machine import Machine
from tests.e2e.people import Person, result, sign_up
from tests.e2e.projects import MakeProject, Project, label_config

CLASSES = ("round", "closed", "straight")


def status(machine: Machine, project: Project) -> dict[str, Any]:
    """What a person is told."""
    answer = httpx.get(f"{machine.url}/projects/{project.id}", timeout=30)
    return dict(answer.raise_for_status().json())


def answers(machine: Machine, project: Project) -> dict[int, Any]:
    """What each labelled task is taken to be."""
    with machine.store.read() as session:
        tasks = pool.embedded(session, machine.row(project).id)
        return {t.task_id: json.loads(t.answer) for t in tasks if t.answer is not None}


def look(machine: Machine, project: Project) -> None:
    """Have everything read that was told."""
    with machine.store.begin() as session:
        projects.count_event(session, machine.row(project).id, label=True)
    machine.rest()


def add_annotated(project: Project, *annotations: list[dict[str, Any]]) -> list[int]:
    """Import tasks with these annotations, as from a file."""
    image = project.task(min(project.truth))["data"]
    body = [{"data": image, "annotations": each} for each in annotations]
    answer = project.owner.call(
        "POST", f"/api/projects/{project.id}/import", params={"return_task_ids": "true"}, json=body
    )
    return list(answer["task_ids"])


def test_a_class_that_came_later_is_unknown_for_older_labels(
    machine: Machine, make_project: MakeProject, owner: Person
):
    project = make_project(20, label_config(CLASSES, choice="multiple"))
    machine.connect(project)
    first = owner.submit(owner.open_next(project.id), "round")
    empty = owner.submit(owner.open_next(project.id))
    look(machine, project)
    assert answers(machine, project) == {first["task"]: ["round"], empty["task"]: []}

    project.change(label_config=label_config((*CLASSES, "new"), choice="multiple"))
    machine.rest()
    unknown = {"classes": ["round"], "unasked": ["new"]}
    assert answers(machine, project) == {
        first["task"]: unknown, empty["task"]: {"classes": [], "unasked": ["new"]},
    }  # fmt: skip
    (note,) = status(machine, project)["label_notes"]
    assert note.startswith("2 tasks were labelled before 'new' could be chosen")

    later = [
        owner.submit(owner.open_next(project.id), *names)
        for names in (["new"], ["closed"], ["straight", "new"])
    ]
    owner.change(empty, result=result("closed"))
    look(machine, project)
    assert answers(machine, project) == {
        first["task"]: unknown, empty["task"]: ["closed"], later[0]["task"]: ["new"],
        later[1]["task"]: ["closed"], later[2]["task"]: ["new", "straight"],
    }  # fmt: skip
    machine.train(project)
    assert machine.rounds(project)[-1].acquisition == "fishermask"
    assert json.loads(machine.trained(project)[first["task"]]) == unknown


def test_a_hidden_question_is_not_answered_by_none(
    machine: Machine, make_project: MakeProject, owner: Person
):
    whole = label_config(CLASSES, choice="multiple").replace(
        '<Choices name="label"',
        '<Choices name="digit" toName="image"><Choice value="yes"/><Choice value="no"/></Choices>'
        '<Choices name="label" visibleWhen="choice-selected" whenTagName="digit" '
        'whenChoiceValue="yes"',
    )
    project = make_project(12, whole)
    machine.connect(project)
    row = machine.row(project)
    assert row.control == "digit; label"  # and both of them are learnt
    shown = label_config(CLASSES, choice="multiple").replace(
        "<Choices ", '<View visibleWhen="choice-selected"><Choices '
    )
    project.change(label_config=shown.replace("</Choices>", "</Choices></View>"))
    machine.rest()
    owner.submit(owner.open_next(project.id))
    named = owner.submit(owner.open_next(project.id), "closed")
    look(machine, project)
    assert answers(machine, project) == {named["task"]: ["closed"]}
    assert "which visibleWhen may have hidden (1 of them)" in status(machine, project)["not_learnt"]


def test_imports_that_name_something_else_are_counted_and_not_learnt(
    machine: Machine, make_project: MakeProject
):
    project = make_project(12, label_config(CLASSES, choice="multiple"))
    strange = [[{"result": [result("round")[0] | {"from_name": "choice"}]}]] * 3 + [
        [{"result": result("Round")}]
    ] * 2
    ids = add_annotated(project, *strange, [{"result": result("round", "oval")}])
    machine.connect(project)
    assert answers(machine, project) == {ids[-1]: ["round"]}
    told = status(machine, project)["not_learnt_annotations"]["reasons"]
    assert told == {
        "it names the control 'choice'; 'label' is learnt": 3,
        "it names 'Round', no class of 'label' (which has 'round')": 2,
    }


def test_imported_stars_are_votes_and_stars_set_by_hand_decide(
    machine: Machine, make_project: MakeProject, owner: Person
):
    project = make_project(12)
    two, mine, alone = add_annotated(project, *[[{"result": result("zero")}]] * 3)
    people = [sign_up(owner), sign_up(owner)]
    machine.connect(project)
    assert answers(machine, project) == {i: ["zero"] for i in (two, mine, alone)}
    for person in people:
        for task in (two, mine):
            person.submit(project.task(task), "one")
    starred = owner.submit(project.task(mine), "two")
    owner.change(starred, ground_truth=True)
    look(machine, project)
    assert answers(machine, project) == {two: ["one"], mine: ["two"], alone: ["zero"]}
    (note,) = status(machine, project)["label_notes"]
    # Label Studio takes the star of the imported one away when another is set.
    assert note.startswith("2 imported annotations have the star of ground truth")
    assert note.endswith("only stars that people set decide (GROUND_TRUTH=hand).")


def test_a_star_that_a_person_gives_to_an_imported_annotation_decides(
    machine: Machine, make_project: MakeProject, owner: Person
):
    project = make_project(12)
    (task,) = add_annotated(project, [{"result": result("zero"), "ground_truth": False}])
    people = [sign_up(owner), sign_up(owner)]
    machine.connect(project)
    for person in people:
        person.submit(project.task(task), "one")
    look(machine, project)
    assert answers(machine, project) == {task: ["one"]}
    imported = min(project.task(task)["annotations"], key=lambda a: int(a["id"]))
    owner.change(imported, ground_truth=True)
    look(machine, project)
    assert answers(machine, project) == {task: ["zero"]}


def test_several_people_are_heard_once_each_and_class_by_class(
    machine: Machine, make_project: MakeProject, owner: Person
):
    project = make_project(12, label_config(CLASSES, choice="multiple"))
    project.change(maximum_annotations=3)
    machine.connect(project)
    task = min(project.truth)
    owner.submit(project.task(task), "closed")
    owner.submit(project.task(task), "closed")  # again; counts once, and the last is
    owner.submit(project.task(task), "round", "closed")
    sign_up(owner).submit(project.task(task), "round")
    sign_up(owner).submit(project.task(task), "round", "straight")
    look(machine, project)
    assert answers(machine, project) == {task: ["round"]}
    assert status(machine, project)["tied_tasks"] == 0


def test_an_empty_submission_is_told_and_comes_back_when_it_is_deleted(
    machine: Machine, make_project: MakeProject, owner: Person
):
    project = make_project(12)
    machine.connect(project)
    empty = owner.submit(owner.open_next(project.id))
    look(machine, project)
    told = status(machine, project)
    (note,) = told["label_notes"]
    assert note.startswith("1 annotations were submitted with nothing chosen in 'label'")
    assert "Delete these annotations in Label Studio" in note
    assert (told["labelled"], told["not_learnt_annotations"]["reasons"]) == (
        0, {"nothing was chosen in 'label'": 1},
    )  # fmt: skip

    owner.delete(empty)
    machine.look_at_everything(project)
    machine.train(project)
    assert status(machine, project)["label_notes"] == []
    queue = machine.queue(project)
    assert queue is not None
    assert empty["task"] in queue.task_ids


@pytest.mark.parametrize("choice", ["single", "multiple"])
def test_pre_labels_of_nested_choices_are_taken_as_the_editor_shows_them(
    machine: Machine, make_project: MakeProject, owner: Person, choice: str
):
    config = label_config(choice=choice).replace("choice=", 'allowNested="true" choice=')
    project = make_project(12, config)
    machine.connect(project)
    for name in ("zero", "one", "two", "zero"):
        task = owner.open_next(project.id)
        body = {"result": [result(name)[0] | {"value": {"choices": [[name]]}}]}
        owner.call("POST", f"/api/tasks/{task['id']}/annotations", json=body)
    look(machine, project)
    assert sorted(answers(machine, project).values()) == [["one"], ["two"], ["zero"], ["zero"]]
    machine.train(project)
    queue = machine.queue(project)
    assert queue is not None
    rows = project.predictions(queue.version)
    assert [row["task"] for row in rows] == queue.task_ids
    shown = [row["result"][0]["value"]["choices"] for row in rows if row["result"]]
    assert shown
    assert all(isinstance(path, list) for paths in shown for path in paths)
