import time

import pytest

from fishermask_backend.errors import LeaseLost
from fishermask_backend.store import projects

HERE = "http://ls"


@pytest.fixture
def project(store):
    with store.begin() as session:
        return projects.register(session, HERE, 1, 1000).id


def claim(store, owner="w", address=HERE):
    with store.begin() as session:
        return projects.claim(session, address, owner)


def release(store, lease, due_at):
    with store.begin() as session:
        projects.release(session, lease, due_at=due_at)


def in_an_hour():
    return time.time() + 3600


def tell(store, project, **what):
    with store.begin() as session:
        projects.tell(session, project, **what)


def test_a_new_project_is_due_and_one_worker_gets_it(store, project):
    lease = claim(store, "first")
    assert (lease.project_id, lease.owner) == (project, "first")
    assert claim(store, "second") is None


def test_registering_twice_is_one_project_and_reused_ids_are_another(store, project):
    with store.begin() as session:
        assert projects.register(session, HERE, 1, 1000).id == project
        assert projects.register(session, HERE, 1, 2000).id != project
        assert projects.register(session, "http://other", 1, 1000).id != project
        assert projects.find(session, HERE, 1, None).created == 2000


def test_projects_of_another_label_studio_are_not_claimed(store, project):
    assert claim(store, address="http://other") is None


def test_released_until_due(store, project):
    release(store, claim(store), in_an_hour())
    assert claim(store) is None
    tell(store, project)
    assert claim(store) is not None


def test_an_event_during_a_step_makes_the_project_due_again(store, project):
    lease = claim(store)
    tell(store, project, label=True)
    release(store, lease, in_an_hour())
    with store.read() as session:
        assert projects.get(session, project).due_at < time.time() + 5


def test_a_dead_workers_lease_is_claimed_and_its_writes_are_refused(store, project):
    dead = claim(store, "dead")
    with store.begin() as session:
        projects.get(session, project).lease_until = time.time() - 1
    alive = claim(store, "alive")
    assert alive.fence > dead.fence
    with pytest.raises(LeaseLost), store.begin() as session:
        projects.get(session, project).title = "written by the dead"
        projects.renew(session, dead)
    with store.read() as session:
        assert projects.get(session, project).title == ""
    release(store, dead, 0.0)
    assert (
        claim(store, "third") is None
    )  # the dead one's release did not free the living one's lease


def test_failures_wait_longer_each_time_and_success_forgets_them(store, project):
    waits = []
    for _ in range(4):
        with store.begin() as session:
            projects.get(session, project).retry_at = projects.get(session, project).due_at = 0.0
        lease = claim(store)
        with store.begin() as session:
            waits.append(projects.fail(session, lease, "it is down"))
    assert waits == [1.0, 2.0, 4.0, 8.0]
    tell(store, project, label=True)
    assert claim(store) is None  # a label does not cut the wait short
    tell(store, project, train=True)
    release(store, claim(store), in_an_hour())  # a person's click does
    with store.read() as session:
        found = projects.get(session, project)
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
