import time

import pytest

from fishermask_backend.errors import LeaseLost
from fishermask_backend.store import leases, projects

BOTH_DATABASES = True

HERE = "http://ls"


def claim(store, owner="w", address=HERE):
    with store.begin() as session:
        return leases.claim(session, address, owner)


def release(store, lease, due_at):
    with store.begin() as session:
        leases.release(session, lease, due_at=due_at)


def in_an_hour():
    return time.time() + 3600


def tell(store, project_id, **what):
    with store.begin() as session:
        projects.count_event(session, project_id, **what)


def test_a_new_project_is_due_and_one_worker_gets_it(store, project_id):
    lease = claim(store, "first")
    assert (lease.project_id, lease.owner) == (project_id, "first")
    assert claim(store, "second") is None


def test_projects_of_another_label_studio_are_not_claimed(store, project_id):
    assert claim(store, address="http://other") is None


def test_released_until_due(store, project_id):
    release(store, claim(store), in_an_hour())
    assert claim(store) is None
    tell(store, project_id)
    assert claim(store) is not None


def test_an_event_during_a_step_makes_the_project_due_again(store, project_id):
    lease = claim(store)
    tell(store, project_id, label=True)
    release(store, lease, in_an_hour())
    with store.read() as session:
        assert projects.get(session, project_id).due_at < time.time() + 5


def test_a_dead_workers_lease_is_claimed_and_its_writes_are_refused(store, project_id):
    dead = claim(store, "dead")
    with store.begin() as session:
        projects.get(session, project_id).lease_until = time.time() - 1
    alive = claim(store, "alive")
    assert alive.fence > dead.fence
    with pytest.raises(LeaseLost), store.begin() as session:
        projects.get(session, project_id).title = "written by the dead"
        leases.renew(session, dead)
    with store.read() as session:
        assert projects.get(session, project_id).title == ""
    release(store, dead, 0.0)
    assert (
        claim(store, "third") is None
    )  # the dead one's release did not free the living one's lease


def test_killed_workers_are_taken_over_from_at_once(store, project_id):
    dead = claim(store, "dead")
    assert claim(store, "alive") is None
    with store.begin() as session:
        projects.get(session, project_id).progress = {"stage": "training"}
        assert leases.take_over(session, ["unknown"]) == []
        ((studio_id, told),) = leases.take_over(session, ["dead", "unknown"])
    assert (studio_id, "ended by force while training" in told) == (1, True)
    assert claim(store, "alive") is None  # a round that kills its worker must not do so for ever
    with store.begin() as session:
        row = projects.get(session, project_id)
        assert (row.error, row.failures, row.progress) == (told, 1, None)
        assert row.retry_at == row.error_at + 1
        row.retry_at = row.due_at = 0.0
    assert claim(store, "alive").fence > dead.fence
    with pytest.raises(LeaseLost), store.begin() as session:
        leases.renew(session, dead)


def test_projects_where_people_work_come_first_if_told_so(store, project_id):
    with store.begin() as session:
        active = projects.register(session, HERE, 2, 1000).id
        projects.get(session, active).due_at = time.time() - 1  # the other one for longer
    tell(store, active, label=True)

    def first(**more):
        with store.begin() as session:
            lease = leases.claim(session, HERE, "w", **more)
        release(store, lease, time.time() - 1)
        return lease.project_id

    assert first() == project_id
    with store.begin() as session:
        projects.get(session, project_id).due_at = 0.0
    assert first(busy_first=True) == active
    with store.begin() as session:
        projects.get(session, active).last_event_at -= 61
    assert first(busy_first=True) == project_id


def test_own_lease_whose_end_could_not_be_written_is_claimed_again(store, project_id):
    first = claim(store, "worker")
    assert claim(store, "worker").fence == first.fence + 1


@pytest.mark.parametrize("field", ["due_at", "retry_at", "lease_until"])
def test_clock_that_was_put_back_stops_nothing(store, project_id, field):
    with store.begin() as session:
        row = projects.get(session, project_id)
        row.connected, row.lease_owner = True, "another"
        setattr(row, field, time.time() + 86400)
    assert claim(store) is not None


def test_label_studio_is_left_alone_as_long_as_it_asks(store, project_id):
    with store.begin() as session:
        row = projects.get(session, project_id)
        lease = leases.claim(session, row.address, "worker")
        assert leases.fail(session, lease, "429", least_wait=120.0) == 120.0
        assert row.retry_at == row.error_at + 120


def test_failures_wait_longer_each_time_and_success_forgets_them(store, project_id):
    waits = []
    for _ in range(4):
        with store.begin() as session:
            projects.get(session, project_id).retry_at = projects.get(
                session, project_id
            ).due_at = 0.0
        lease = claim(store)
        with store.begin() as session:
            waits.append(leases.fail(session, lease, "it is down"))
    assert waits == [1.0, 2.0, 4.0, 8.0]
    tell(store, project_id, label=True)
    assert claim(store) is None  # a label does not cut the wait short
    tell(store, project_id, train=True)
    release(store, claim(store), in_an_hour())  # a person's click does
    with store.read() as session:
        found = projects.get(session, project_id)
        assert (found.failures, found.error) == (0, "")


def test_projects_take_turns(store):
    with store.begin() as session:
        a = projects.register(session, HERE, 1, 1).id
        b = projects.register(session, HERE, 2, 2).id
    turns = []
    for _ in range(4):
        lease = claim(store)
        turns.append(lease.project_id)
        release(store, lease, time.time())
    assert turns == [a, b, a, b]


def test_the_last_different_errors_are_kept_also_when_all_is_well_again(store, project_id):
    for n in (1, 2, 3, 1, 4, 5, 6, 6):
        lease = claim(store)
        with store.begin() as session:
            leases.fail(session, lease, f"error {n}")
            projects.get(session, project_id).retry_at = projects.get(
                session, project_id
            ).due_at = 0.0
    release(store, claim(store), in_an_hour())
    with store.read() as session:
        row = projects.get(session, project_id)
    assert row.error == ""
    assert [past["error"] for past in row.errors] == [f"error {n}" for n in (3, 1, 4, 5, 6)]


def test_a_new_worker_tries_again_what_failed_but_not_what_ended_the_last_one(store, project_id):
    def told(error):
        with store.begin() as session:
            row = projects.get(session, project_id)
            row.retry_at, row.due_at = 0.0, 0.0
            lease = leases.claim(session, row.address, "worker")
            leases.fail(session, lease, error, least_wait=100.0)
            leases.try_again(session, "http://another:8080")
            assert row.retry_at > time.time() + 90
            leases.try_again(session, row.address)
        with store.read() as session:
            return projects.get(session, project_id)

    row = told("Label Studio answered 401.")
    assert row.retry_at == 0.0
    assert row.due_at <= time.time()
    assert row.error == "Label Studio answered 401."  # until it has gone well
    assert told("The worker was ended by force while training.").retry_at > time.time() + 90
