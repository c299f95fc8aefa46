"""A full pass ends, and finds what there is, whatever is deleted and imported between its calls."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.store import pool, projects
from fishermask_backend.store.schema import Task
from fishermask_backend.studio import PAGE, Page, StudioTask
from fishermask_backend.worker import reading_plan, sync
from fishermask_backend.worker.reading_plan import after, even_ranges
from tests.conftest import CONFIG

SPEC = parse_label_config(CONFIG)
LAST = 2**31 - 1


def covered(ranges):
    return [i for _, first, last in ranges for i in range(first, last + 1)]


@pytest.mark.parametrize(
    ("count", "first", "last", "pieces"),
    [
        (0, 0, LAST, 0),
        (1, 7, 7, 1),
        (PAGE, 1, PAGE, 1),
        (PAGE + 1, 1, PAGE + 1, 2),
        (3 * PAGE, 1, 3 * PAGE, 3),
        (LAST, 1, 3, 3),  # more tasks than ids: whatever is handed out
        (LAST, 1, LAST, 10_000),
    ],
)
def test_ids_are_cut_into_even_ranges(count, first, last, pieces):
    ranges = even_ranges("tasks", count, first, last)
    assert len(ranges) == pieces
    if 0 < pieces < 10:
        assert covered(ranges) == list(range(first, last + 1))


def page(ids, total):
    tasks = [StudioTask(i, {}, 0.0, (), False) for i in ids]
    return Page(tasks, total, received=len(tasks))


def test_what_did_not_come_stays_in_the_plan():
    rest = [("tasks", 5000, 5999)]
    plan = [("annotated", 1, 4999), *rest]
    assert after(plan, page(range(1, 501), 500), random.Random(0)) == rest
    more = after(plan, page(range(1, 501), 1100), random.Random(0))
    assert more == [("annotated", 501, 2749), ("annotated", 2750, 4999), *rest]
    # All that came is odd, or lies elsewhere: there is no telling where to go on.
    assert after(plan, Page([], 700, ("odd",), 500), random.Random(0)) == rest
    assert after(plan, page([9999], 700), random.Random(0)) == rest


class Listing:
    """Task lists as Label Studio makes them, while somebody deletes and imports between the calls."""

    def __init__(self, ids, at_once, changes):
        self.ids, self.at_once, self.changes = set(ids), at_once, changes
        self.always, self.calls = set(ids), 0

    def extent(self, _, kind):
        ids = sorted(self._of(kind))
        return (len(ids), ids[0], ids[-1]) if ids else (0, 0, LAST)

    def tasks_between(self, _, kind, first, last):
        found = sorted(i for i in self._of(kind) if first <= i <= last)
        self._somebody_works()
        return page(found[: self.at_once], len(found))

    def existing_tasks(self, _, ids):
        return [i for i in ids if i in self.ids]

    def newest_change(self, _):
        return 0.0

    def _of(self, kind):
        return {"tasks": self.ids, "annotated": {i for i in self.ids if i % 3 == 0}}.get(kind, ())

    def _somebody_works(self):
        self.calls += 1
        if self.changes is None:
            return
        deleted, came = self.changes.draw(CHANGES)
        there = sorted(self.ids)
        self.ids -= {there[k % len(there)] for k in deleted} if there else set()
        self.ids |= set(range(LAST // 2 + 1000 * self.calls, LAST // 2 + 1000 * self.calls + came))
        self.always &= self.ids


IDS = st.one_of(
    st.integers(0, 60).map(lambda n: set(range(1, n + 1))),  # as one import makes them
    st.sets(st.integers(1, 10**6), max_size=60),  # few among other projects'
    st.sets(st.sampled_from([2**k + n for k in range(5, 30) for n in range(3)]), max_size=60),
)
CHANGES = st.tuples(st.lists(st.integers(0, 10**6), max_size=3), st.integers(0, 2))


@given(ids=IDS, at_once=st.integers(1, 12), data=st.data())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_a_pass_ends_and_has_what_there_was_all_along(work, ids, at_once, data):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reading_plan, "PAGE", at_once)
        listing = Listing(ids, at_once, data)
        work.studio = listing
        known = random.Random(0).sample(sorted(ids), len(ids) // 2)
        with work.begin() as session:
            project = projects.get(session, work.project_id)
            pool.delete_tasks(session, project.id, known_tasks(session, project))
            pool.put_tasks(session, project, [(i, "/a") for i in known], random.Random(0))
            project.pass_number += 1
        finished = whole_pass(work)
        assert listing.always <= set(finished)
        assert listing.calls <= 60 * (2 + len(ids) / at_once)
        listing.changes = None
        assert whole_pass(work) == sorted(listing.ids)


def known_tasks(session, project):
    return list(session.scalars(select(Task.task_id).where(Task.project_id == project.id)))


def whole_pass(work):
    """Make a pass; the tasks that are known then."""
    sync._begin_pass(work, work.project())
    while work.project().plan is not None:
        sync._read_on(work, SPEC)
    with work.store.read() as session:
        project = projects.get(session, work.project_id)
        return sorted(known_tasks(session, project))
