"""What is told about labels: empty ones, imported stars, classes that came later."""

import pytest

from fishermask_backend.controls.heads import stored_heads
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import pool, projects
from fishermask_backend.store.notes import label_notes
from tests.conftest import CONFIG

BOTH_DATABASES = True

MULTIPLE = CONFIG.replace('toName="image">', 'toName="image" choice="multiple">')


@pytest.fixture
def told(store, new_project):
    """Stores annotations (names and more of each task), and returns what is told then."""

    def told(annotations, config=CONFIG, **fields):
        spec = parse_label_config(config)
        region = {"from_name": "label", "type": "choices"}
        rows = {
            i: [
                {
                    "annotation_id": i, "task_id": i, "annotator": 1, "skipped": False,
                    "ground_truth": False, "updated_at": "2026-11-28T12:00:00Z",
                    "result": [region | {"value": {"choices": names}}] if names else [],
                }
                | more
            ]
            for i, (names, more) in annotations.items()
        }  # fmt: skip
        with store.begin() as session:
            row = projects.get(session, new_project.id)
            row.control, row.heads = spec.learnt, stored_heads(spec.heads)
            for name, value in fields.items():
                setattr(row, name, value)
            pool.put_annotations(session, row, spec, rows)
        with store.read() as session:
            return label_notes(session, projects.get(session, new_project.id))

    return told


def test_nothing_is_told_where_all_is_plain(told):
    assert told({}) == []
    assert told({1: (["cat"], {}), 2: (["dog"], {"ground_truth": True})}) == []
    assert told({1: ([], {"skipped": True}), 2: (["dog"], {"imported": True})}) == []
    assert told({1: ([], {})}, MULTIPLE) == []  # none of the classes


def test_empty_submissions_and_the_way_back(told):
    (note,) = told({1: ([], {}), 2: ([], {}), 3: (["cat"], {})})
    assert note.startswith("2 annotations were submitted with nothing chosen in 'label'")
    assert "Delete these annotations in Label Studio, and the tasks come back" in note


@pytest.mark.parametrize(
    ("rule", "says"),
    [("hand", "as one vote, and only"), ("all", "decides"), ("none", "one vote, as")],
)
def test_imported_stars(told, rule, says):
    star = {"imported": True, "ground_truth": True}
    (note,) = told({1: (["cat"], star), 2: (["cat"], star)}, ground_truth=rule)
    assert note.startswith("2 imported annotations have the star")
    assert says in note
    assert f"GROUND_TRUTH={rule}" in note


def test_classes_that_came_later(told):
    since = {"label": {"": 0.0, "cat": 0.0, "dog": 2e9}}
    (note,) = told({1: (["cat"], {}), 2: ([], {})}, MULTIPLE, asked_since=since)
    assert note.startswith("2 tasks were labelled before 'dog' could be chosen")
