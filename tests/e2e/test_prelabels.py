"""Label Studio's editor: it shows pre-labels, and what it then submits is read as that class."""

from collections.abc import Iterator

import pytest

from fishermask_backend.demo.server import LabelStudioServer
from fishermask_backend.labeling import LabelSpec, parse_label_config
from tests.e2e.browser import LabellingPage, browsing
from tests.e2e.people import Person
from tests.e2e.projects import MakeProject, Project, digits

TREE = (
    '<Choice value="Fruit" alias="fruit"><Choice value="Apple"/><Choice value="Kiwi"/></Choice>'
    '<Choice value="Other"/>'
)
FLAT = '<Choice value="A cat" alias="cat"/><Choice value="dog"/>'
CHECKED = ".lsf-choice .ant-checkbox-wrapper-checked"
CHOSEN = ".htx-taxonomy .ant-select-selection-item-content"
STARS = ".ant-rate-star-full"

Shown = tuple[str, list[str]]


@pytest.fixture(scope="module")
def page(
    label_studio: LabelStudioServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LabellingPage]:
    """The labelling page in a browser."""
    with browsing(label_studio, tmp_path_factory.mktemp("browser")) as opened:
        yield opened


def config(control: str, image: str = '<Image name="image" value="$image"/>') -> str:
    return f"<View>{image}{control}</View>"


def publish(project: Project, spec: LabelSpec, name: str) -> int:
    """Import a pre-label of a class for the project's only task, and let the project show it."""
    (task,) = project.upload(digits()[:1])
    known = {each: 0.9 if each == name else 0.1 for each in spec.classes}
    row = {"task": task, "result": spec.prelabel(known), "score": 0.1, "model_version": "v"}
    if spec.questions[0].spelling.singly:  # an import would drop it
        project.owner.call("POST", "/api/predictions/", json={**row, "project": project.id})
    else:
        address = f"/api/projects/{project.id}/import/predictions"
        assert project.owner.call("POST", address, json=[row])["created"] == 1
    project.change(model_version="v", sampling="Uncertainty sampling")
    return task


def submitted(owner: Person, task: int) -> list[dict]:
    (annotation,) = owner.call("GET", f"/api/tasks/{task}/annotations")
    return list(annotation["result"])


@pytest.mark.parametrize(
    ("control", "level", "name", "shown"),
    [
        (f'<Choices name="l" toName="image">{FLAT}</Choices>', 0, "cat", (CHECKED, ["A cat[1]"])),
        (
            f'<choices name="l" toName="image">{FLAT.replace("Choice", "choice")}</choices>',
            0, "dog", (CHECKED, ["dog[2]"]),
        ),
        (
            f'<Choices name="l" toName="image" layout="select">{FLAT}</Choices>',
            0, "cat", (".lsf-choices [data-slot=popover-trigger]", ["A cat"]),
        ),
        (
            f'<Taxonomy name="l" toName="image">{TREE}</Taxonomy>',
            0, "fruit / Kiwi", (CHOSEN, ["Kiwi"]),
        ),
        (
            f'<taxonomy name="l" toName="image" leafsOnly="true" showFullPath="true">{TREE}</taxonomy>',
            0, "fruit / Apple", (CHOSEN, ["Fruit / Apple"]),
        ),
        (f'<Taxonomy name="l" toName="image">{TREE}</Taxonomy>', 1, "fruit", (CHOSEN, ["Fruit"])),
        ('<Rating name="l" toName="image" maxRating="7"/>', 0, "6", (STARS, [""] * 6)),
    ],
)  # fmt: skip
def test_a_pre_label_is_shown_and_read_back(
    make_project: MakeProject,
    page: LabellingPage,
    owner: Person,
    control: str,
    level: int,
    name: str,
    shown: Shown,
):
    spec = parse_label_config(config(control), level=level)
    project = make_project(0, config(control))
    task = publish(project, spec, name)
    page.open(project.id)
    assert page.shown(shown[0]) == shown[1]
    page.submit()
    assert spec.answer(submitted(owner, task)) == {name}


def test_nested_choices_are_pre_checked_and_read_by_their_paths(
    make_project: MakeProject, page: LabellingPage, owner: Person
):
    control = f'<Choices name="l" toName="image" allowNested="true">{TREE}</Choices>'
    spec = parse_label_config(config(control))
    project = make_project(0, config(control))
    task = publish(project, spec, "fruit / Kiwi")
    page.open(project.id)
    assert page.shown(".lsf-choice__item") == ["Fruit[1]", "Apple[2]", "Kiwi[3]", "Other[4]"]
    assert page.shown(CHECKED) == ["Kiwi[3]"]
    page.submit()
    assert submitted(owner, task)[0]["value"] == {"choices": [["fruit", "Kiwi"]]}
    assert spec.answer(submitted(owner, task)) == {"fruit / Kiwi"}


def test_the_pre_label_of_a_question_that_nobody_sees_is_not_submitted(
    make_project: MakeProject, page: LabellingPage, owner: Person
):
    shown_by_a_dog = 'visibleWhen="choice-selected" whenTagName="l" whenChoiceValue="dog"'
    wings = '<Choices name="r" toName="image"><Choice value="wing"/><Choice value="fin"/></Choices>'
    control = (
        f'<Choices name="l" toName="image">{FLAT}</Choices><View {shown_by_a_dog}>{wings}</View>'
    )
    spec = parse_label_config(config(control))
    assert spec.heads[1].control == "r"
    regions = spec.prelabel({"l: cat": 0.9, "l: dog": 0.1, "r: fin": 0.9})
    assert [region["from_name"] for region in regions] == ["l", "r"]
    project = make_project(0, config(control))
    (task,) = project.upload(digits()[:1])
    row = {"task": task, "result": regions, "score": 0.1, "model_version": "v"}
    address = f"/api/projects/{project.id}/import/predictions"
    assert project.owner.call("POST", address, json=[row])["created"] == 1
    project.change(model_version="v", sampling="Uncertainty sampling")
    page.open(project.id)
    assert "A cat[1]" in page.shown(CHECKED)
    assert page.count(".lsf-choice:visible") == 2  # neither wing nor fin
    page.submit()
    assert [r["from_name"] for r in submitted(owner, task)] == ["l"]
