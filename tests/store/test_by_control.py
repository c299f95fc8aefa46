"""Labels and rounds control by control."""

import pytest

from fishermask_backend.controls.heads import stored_heads
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import by_control, pool, projects
from fishermask_backend.store.by_control import Labels
from fishermask_backend.store.notes import label_notes
from fishermask_backend.store.schema import Round
from tests.conftest import CONFIG

BOTH_DATABASES = True

TWO = (
    '<View><Image name="image" value="$image"/>'
    '<Choices name="species" toName="image"><Choice value="cat"/><Choice value="dog"/></Choices>'
    '<Choices name="seen" toName="image" choice="multiple"><Choice value="cat"/><Choice value="eye"/>'
    "</Choices></View>"
)
SPEC = parse_label_config(TWO)
ALWAYS = {"species": {"": 0.0, "cat": 0.0, "dog": 0.0}, "seen": {"": 0.0, "cat": 0.0, "eye": 0.0}}


def region(control, *names):
    return {"from_name": control, "type": "choices", "value": {"choices": [*names]}}


@pytest.fixture
def annotated(store, new_project):
    """Stores the results of each task's annotations, a person each."""

    def annotated(results, since):
        rows = {
            task: [
                {
                    "annotation_id": 10 * task + n, "task_id": task, "annotator": n, "result": result,
                    "skipped": False, "ground_truth": False, "updated_at": f"2026-11-28T12:00:0{n}Z",
                }
                for n, result in enumerate(of_task, start=1)
            ]
            for task, of_task in results.items()
        }  # fmt: skip
        with store.begin() as session:
            row = projects.get(session, new_project.id)
            row.control, row.heads, row.asked_since = SPEC.learnt, stored_heads(SPEC.heads), since
            pool.put_annotations(session, row, SPEC, rows)
        with store.read() as session:
            project = projects.get(session, new_project.id)
            return by_control.labels(session, project), label_notes(session, project)

    return annotated


def test_each_control_has_its_labels(annotated):
    cat, dog, eye = region("species", "cat"), region("species", "dog"), region("seen", "eye")
    found, notes = annotated(
        {1: [[cat]], 2: [[cat, eye], [dog, eye]], 3: [[region("seen", "cat", "eye")]]}, ALWAYS
    )
    assert found == [
        Labels("species", labelled=2, unanswered=1, partly=0, tied=1, classes={"cat": 1, "dog": 1}),
        Labels("seen", labelled=3, unanswered=0, partly=0, tied=0, classes={"cat": 1, "eye": 2}),
    ]
    (note,) = notes
    assert note.startswith("1 labelled tasks say nothing of 'species': they are learnt from for")


def test_a_control_that_something_hides_may_be_left_out(annotated):
    hidden = {**ALWAYS, "species": {"cat": 0.0, "dog": 0.0}}
    found, notes = annotated({1: [[region("seen", "cat")]]}, hidden)
    assert found[0].unanswered == 1
    assert notes == []


def test_classes_of_one_control_that_came_later(annotated):
    since = {**ALWAYS, "seen": {"": 0.0, "cat": 0.0, "eye": 2e9}}
    found, (note,) = annotated({1: [[region("species", "dog")]]}, since)
    assert found[1].partly == 1
    assert note.startswith("1 tasks were labelled before 'eye' could be chosen")


def test_one_control_alone_needs_no_telling(store, project):
    with store.read() as session:
        assert by_control.labels(session, projects.get(session, project.id)) == []


def test_what_a_round_was_made_for():
    one = parse_label_config(CONFIG)
    alone = Round(classes=["cat", "dog"], likelihood="categorical", heads=None)
    assert by_control.is_of(alone, one.heads)
    assert not by_control.is_of(alone, SPEC.heads)
    heads = [head.stored() | {"trained": n == 0} for n, head in enumerate(SPEC.heads)]
    together = Round(
        classes=["species: cat", "species: dog"], likelihood="categorical", heads=heads
    )
    assert by_control.is_of(together, SPEC.heads)
    assert not by_control.is_of(together, one.heads)
    assert not by_control.is_of(together, SPEC.heads[::-1])
    assert by_control.learnt(together) == [SPEC.heads[0]]
    assert by_control.learnt(alone)[0].names == ("cat", "dog")
