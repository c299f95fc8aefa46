"""What annotations make of a task: whose stars decide, and what was asked when."""

from datetime import UTC, datetime

import pytest

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store.schema import Annotation, Project, Task
from fishermask_backend.store.settling import settle
from tests.conftest import CONFIG

SPEC = parse_label_config(CONFIG)
MULTIPLE = parse_label_config(
    CONFIG.replace('toName="image">', 'toName="image" choice="multiple">')
)


def annotation(*names, at=1000, who=1, star=False, imported=False, skipped=False):
    region = {"from_name": "label", "type": "choices", "value": {"choices": list(names)}}
    when = datetime.fromtimestamp(at, UTC).isoformat().replace("+00:00", "Z")
    return Annotation(
        result=[region] if names else [], updated_at=when, annotator=who, ground_truth=star,
        imported=imported, skipped=skipped,
    )  # fmt: skip


def settled(*annotations, spec=SPEC, rule="hand", since=None):
    task = Task()
    settle(Project(ground_truth=rule, asked_since=since), task, annotations, spec)
    return task


def imported(name):
    return annotation(name, star=True, imported=True, at=900, who=9)


@pytest.mark.parametrize(
    ("rule", "answer"), [("hand", '["dog"]'), ("all", '["cat"]'), ("none", '["dog"]')]
)
def test_an_imported_star_is_a_vote_unless_all_stars_decide(rule, answer):
    people = [annotation("dog", who=1), annotation("dog", who=2)]
    assert settled(imported("cat"), *people, rule=rule).answer == answer
    assert settled(imported("cat"), rule=rule).answer == '["cat"]'


@pytest.mark.parametrize(
    ("rule", "answer"), [("hand", '["cat"]'), ("all", '["cat"]'), ("none", '["dog"]')]
)
def test_a_star_set_by_hand_decides_unless_none_does(rule, answer):
    people = [annotation("dog", who=1), annotation("dog", who=2)]
    assert settled(annotation("cat", who=3, star=True), *people, rule=rule).answer == answer


def test_what_an_annotation_was_not_asked_is_unknown():
    since = {"label": {"": 0.0, "cat": 0.0, "dog": 2000.0}}
    old = settled(annotation("cat"), spec=MULTIPLE, since=since)
    assert old.answer == '{"classes": ["cat"], "unasked": ["dog"]}'
    again = settled(annotation("cat", at=2001), spec=MULTIPLE, since=since)
    assert again.answer == '["cat"]'


def test_skips_and_empty_submissions():
    empty, skip = annotation(), annotation(skipped=True, who=2)
    task = settled(empty, skip)
    assert (task.answer, task.annotated, task.skipped_by) == (None, True, [2])
    assert (empty.not_learnt, skip.not_learnt) == ("nothing was chosen in 'label'", None)
