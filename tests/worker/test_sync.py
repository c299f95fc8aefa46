"""How a project is read: which pages are planned, which changes are new."""

import json
import time

import pytest

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import pool, projects
from fishermask_backend.store.schema import Project
from fishermask_backend.studio import Page, StudioProject, StudioTask
from fishermask_backend.worker.sync import (
    LATE_SECONDS,
    OVERLAP_SECONDS,
    _overlap,
    _put,
    _take_config,
    _whole,
    pass_due,
)
from tests.conftest import CONFIG
from tests.store.stored import annotation

SPEC = parse_label_config(CONFIG)
TREE = (
    '<View><Image name="image" value="$image"/><Taxonomy name="label" toName="image">'
    '<Choice value="bird"><Choice value="owl"/><Choice value="tit"/></Choice><Choice value="cat"/>'
    "</Taxonomy></View>"
)


def task(task_id, updated_at=0.0, annotations=(), *, untouched=False):
    data = {"image": f"/{task_id}.png"}
    return StudioTask(task_id, data, updated_at, tuple(annotations), untouched)


def project(**fields):
    now = time.time()
    times = {"last_event_at": 0.0, "pass_finished_at": now, "pass_wanted": False, "plan": None}
    return Project(**{**times, **fields})


def test_a_pass_is_due_when_asked_for_long_ago_or_the_clock_was_put_back(settings):
    long = settings.reconcile_minutes * 60
    assert not pass_due(settings, project())
    assert pass_due(settings, project(pass_wanted=True))
    assert not pass_due(settings, project(pass_finished_at=time.time() - long + 10))
    assert pass_due(settings, project(pass_finished_at=time.time() - long - 1))
    assert pass_due(settings, project(pass_finished_at=time.time() + 3600))


@pytest.mark.parametrize(
    ("fields", "overlap"),
    [
        ({}, OVERLAP_SECONDS),  # a pass has just ended
        ({"pass_finished_at": 0.0}, 0.0),
        ({"pass_finished_at": 0.0, "last_event_at": -LATE_SECONDS / 2}, OVERLAP_SECONDS),
        ({"pass_finished_at": 0.0, "last_event_at": -LATE_SECONDS - 1}, 0.0),
        ({"pass_finished_at": 0.0, "plan": [("tasks", 1, 9)]}, OVERLAP_SECONDS),
    ],
)
def test_late_changes_are_looked_for_where_something_happened(fields, overlap):
    if "last_event_at" in fields:
        fields = fields | {"last_event_at": time.time() + fields["last_event_at"]}
    assert _overlap(project(**fields)) == overlap


@pytest.mark.parametrize(
    ("ages", "total", "cursor", "whole"),
    [
        ([], 0, 5.0, True),
        ([9.0, 8.0], 2, 5.0, True),  # all there is
        ([9.0, 8.0], 3, 5.0, False),  # what is newer than 5 may be on the next page
        ([9.0, 5.0], 3, 5.0, True),
        ([9.0, 4.0], 3, 5.0, True),
    ],
)
def test_a_page_is_whole_when_it_reaches_back_to_the_cursor(ages, total, cursor, whole):
    page = Page([task(i, updated_at) for i, updated_at in enumerate(ages)], total)
    assert _whole(page, cursor) == whole


def test_a_plan_is_the_same_after_it_was_stored(work):
    with work.begin() as session:
        projects.get(session, work.project_id).plan = [("annotated", 1, 5), ("tasks", 2, 9)]
    kinds = [kind for kind, *_ in work.project().plan]
    assert kinds == ["annotated", "tasks"]
    assert json.loads(json.dumps(work.project().plan)) == [["annotated", 1, 5], ["tasks", 2, 9]]


def test_labels_are_read_again_for_another_level(work):
    def learn(level):
        spec = parse_label_config(TREE, level=level)
        remote = StudioProject(7, 1000, "Animals", TREE, "", "", "")
        _take_config(work, remote, spec)
        return spec

    owl = {"from_name": "label", "type": "taxonomy", "value": {"taxonomy": [["bird", "owl"]]}}
    row = {
        "annotation_id": 1, "task_id": 1, "result": [owl], "skipped": False, "ground_truth": False,
        "annotator": 1, "updated_at": "2026-01-01T00:00:00Z",
    }  # fmt: skip
    spec = learn(0)
    with work.begin() as session:
        own = projects.get(session, work.project_id)
        _put(session, own, spec, Page([task(1, annotations=[row])], 1), True)
    answers = []
    for level in (0, 1, 0):
        learn(level)
        with work.store.read() as session:
            answers.append(pool.tasks_by_id(session, work.project_id, [1])[1].answer)
    assert answers == ['["bird / owl"]', '["bird"]', '["bird / owl"]']


def test_an_annotation_that_was_withdrawn_unseen_is_missed_by_the_page_of_all_tasks(work):
    def read(*tasks, with_annotations):
        with work.begin() as session:
            own, page = projects.get(session, work.project_id), Page(list(tasks), len(tasks))
            _put(session, own, SPEC, page, with_annotations)
        with work.store.read() as session:
            return {
                i: t.answer for i, t in pool.tasks_by_id(session, work.project_id, [1, 2]).items()
            }

    cat = [{"from_name": "label", "type": "choices", "value": {"choices": ["cat"]}}]
    made = annotation(work.project_id, 1)
    row = {
        "annotation_id": 1, "task_id": 1, "result": cat, "skipped": False, "ground_truth": False,
        "annotator": 1, "updated_at": made.updated_at,
    }  # fmt: skip
    labelled = task(1, annotations=[row])
    assert read(labelled, task(2), with_annotations=True) == {1: '["cat"]', 2: None}
    assert read(task(1), task(2), with_annotations=False)[1] == '["cat"]'  # nothing is told
    assert read(task(1, untouched=True), task(2), with_annotations=False)[1] is None


def test_a_project_of_which_one_control_was_learnt_goes_on_with_all(work):
    """As a version before this one left it: then a new round is due, with a head for each."""
    two = CONFIG.replace("</View>", '<Rating name="stars" toName="image" maxRating="2"/></View>')
    remote = StudioProject(7, 1000, "Animals", two, "", "", "")
    cat = {"from_name": "label", "type": "choices", "value": {"choices": ["cat"]}}
    stars = {"from_name": "stars", "type": "rating", "value": {"rating": 2}}
    rows = {
        i: {
            "annotation_id": i, "task_id": i, "result": result, "skipped": False, "annotator": 1,
            "ground_truth": False, "updated_at": "2026-01-01T00:00:00Z",
        }
        for i, result in ((1, [cat, stars]), (2, [cat]))
    }  # fmt: skip

    def learn(spec):
        _take_config(work, remote, spec)
        with work.begin() as session:
            own = projects.get(session, work.project_id)
            if not own.heads:
                read = Page([task(i, annotations=[row]) for i, row in rows.items()], len(rows))
                _put(session, own, spec, read, True)
            tasks = pool.tasks_by_id(session, work.project_id, [1, 2])
            return own.control, {i: json.loads(t.answer) for i, t in tasks.items()}

    one, all_ = parse_label_config(two, "label"), parse_label_config(two)
    assert learn(one) == ("label", {1: ["cat"], 2: ["cat"]})
    assert learn(all_) == (
        "label; stars",
        {
            1: ["label: cat", "stars: 2"],
            2: {"classes": ["label: cat"], "unasked": ["stars: 1", "stars: 2"]},
        },
    )
    assert work.project().asked_since.keys() == {"label", "stars"}
    assert learn(one) == ("label", {1: ["cat"], 2: ["cat"]})
