"""Which tasks Label Studio would still serve, and to whom."""

import pytest

from fishermask_backend.store import serving
from fishermask_backend.store.schema import Task
from tests.store.stored import annotation

BOTH_DATABASES = True


@pytest.mark.parametrize(
    ("annotated", "skipped_by", "skip_queue", "annotators", "expected"),
    [
        (False, None, "REQUEUE_FOR_OTHERS", {1}, True),
        (True, None, "REQUEUE_FOR_OTHERS", {1}, False),  # partly annotated counts as labelled
        (False, [1], "REQUEUE_FOR_OTHERS", {1}, False),  # nobody is left to serve it to
        (False, [1], "REQUEUE_FOR_OTHERS", {1, 2}, True),
        (False, [1], "REQUEUE_FOR_ME", {1}, True),
        (False, [1], "IGNORE_SKIPPED", {1, 2}, False),
    ],
)
def test_servable(annotated, skipped_by, skip_queue, annotators, expected):
    found = Task(annotated=annotated, skipped_by=skipped_by)
    assert serving.servable(found, skip_queue, annotators) is expected


def test_recent_annotators(store, new_project):
    with store.begin() as session:
        session.add_all(
            [
                annotation(new_project.id, 1, annotator=1),
                annotation(new_project.id, 2, annotator=2, skipped=True),
                annotation(new_project.id, 3, annotator=3, seconds_ago=8 * 86400),
                annotation(new_project.id, 4, annotator=0, skipped=True),  # nobody knows who
            ]
        )
    with store.read() as session:
        assert serving.recent_annotators(session, new_project.id) == {1, 2}
