"""Who annotates."""

import time

import pytest

from fishermask_backend.web.page.people import annotators
from tests.store.stored import annotation


def test_labels_skips_and_pace(store, project):
    with store.begin() as session:
        for task, who, ago, skipped in ((1, 5, 60, False), (2, 5, 7200, False), (3, 5, 9000, True)):
            session.add(annotation(project.id, task, who, seconds_ago=ago, skipped=skipped))
        nobody = annotation(project.id, 4, 6)
        nobody.imported = True
        session.add(nobody)
    with store.read() as session:
        (person,) = annotators(session, project.id)
    assert (person.user, person.labels, person.skips, person.last_hour) == (5, 2, 1, 1)
    assert person.last == pytest.approx(time.time() - 60, abs=5)


def test_a_time_that_cannot_be_read_is_none(store, project):
    with store.begin() as session:
        odd = annotation(project.id, 1)
        odd.updated_at = "yesterday"
        session.add(odd)
    with store.read() as session:
        assert annotators(session, project.id)[0].last is None
