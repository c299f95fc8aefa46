"""Who annotates."""

import random
import time

import pytest

from fishermask_backend.store import pool
from fishermask_backend.web.people import annotators
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


def test_agreement_and_pace_are_each_person_s_own(store, project):
    pool_of = {1: (5, True), 2: (5, False), 3: (5, True), 4: (6, None), 5: (None, True)}
    with store.begin() as session:
        pool.put_tasks(session, project, [(i, f"/{i}.png") for i in pool_of], random.Random(0))
        for i, task in pool.tasks_by_id(session, project.id, [*pool_of]).items():
            task.first_by, task.expected = pool_of[i]
        for task, who, seconds in ((1, 5, 4.0), (2, 5, 90.0), (3, 5, 5.0), (4, 6, None)):
            given = annotation(project.id, task, who, skipped=False)
            given.lead_time = seconds
            session.add(given)
        skip = annotation(project.id, 5, 6, skipped=True)
        skip.lead_time = 1.0
        session.add(skip)
    with store.read() as session:
        one, other = annotators(session, project.id)
    assert (one.user, one.compared, one.agreed, one.pace) == (5, 3, 2, 5.0)
    assert (other.user, other.compared, other.agreed, other.pace) == (6, 0, 0, None)


def test_a_time_that_cannot_be_read_is_none(store, project):
    with store.begin() as session:
        odd = annotation(project.id, 1)
        odd.updated_at = "yesterday"
        session.add(odd)
    with store.read() as session:
        assert annotators(session, project.id)[0].last is None
