import random
import time

import pytest

from fishermask_backend.store import embedding_queue, pool, projects, rounds

BOTH_DATABASES = True


@pytest.fixture
def change(store, new_project):
    def change(task_id, **values):
        with store.begin() as session:
            found = pool.tasks_by_id(session, new_project.id, [task_id])[task_id]
            for name, value in values.items():
                setattr(found, name, value)

    return change


@pytest.fixture
def wanted(store, new_project):
    def wanted():
        with store.read() as session:
            return [
                task.task_id for task in embedding_queue.next_to_embed(session, new_project.id, 5)
            ]

    return wanted


def test_labelled_images_and_others_take_turns_and_failed_ones_wait(change, wanted):
    change(4, annotated=True, shuffle=2.0)
    change(5, annotated=True, shuffle=1.0)
    assert wanted()[0:4:2] == [5, 4]
    change(4, image_tries=1, image_retry_at=time.time() + 60)
    assert sorted(wanted()) == [1, 2, 3, 5]
    change(4, image_retry_at=time.time() - 1)
    assert wanted()[-1] == 4  # behind those that were never tried


def test_images_that_people_wait_for_are_embedded_first(store, new_project, change, wanted):
    change(3, shuffle=2.0, image_tries=2)
    with store.begin() as session:
        rounds.ask_scores(session, new_project.id, [3])
    assert wanted()[0] == 3
    with store.read() as session:
        (only,) = embedding_queue.next_to_embed(session, new_project.id, 1)
    assert only.task_id == 3


def fail(store, new_project, task_id, *, broken):
    with store.begin() as session:
        task = pool.tasks_by_id(session, new_project.id, [task_id])[task_id]
        embedding_queue.fail(task, "It is away.", broken=broken)
        return task.image_retry_at - time.time()


def told(store, new_project):
    with store.read() as session:
        return embedding_queue.errors(session, new_project.id)


def test_a_broken_image_is_given_up_until_all_are_tried_again(store, new_project, wanted):
    fail(store, new_project, 2, broken=True)
    assert told(store, new_project) == {
        2: "It is away. It is given up; «Start Training» or another address tries it at once."
    }
    assert 2 not in wanted()
    with store.read() as session:
        assert pool.counts(session, new_project.id).broken_images == 1
    with store.begin() as session:
        embedding_queue.retry(session, new_project.id + 1)  # another project's
    assert 2 not in wanted()
    with store.begin() as session:
        embedding_queue.retry(session, new_project.id)
    assert 2 in wanted()


def test_an_unreachable_image_is_tried_on_ever_more_slowly(store, new_project, wanted):
    waits = [round(fail(store, new_project, 2, broken=False)) for _ in range(9)]
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert 2 not in wanted()
    assert "Tried 9 times, again in 3600 s; «Start Training»" in told(store, new_project)[2]
    for _ in range(30):
        assert fail(store, new_project, 2, broken=False) <= 3600


def test_another_address_is_tried_at_once(store, new_project, wanted):
    fail(store, new_project, 2, broken=True)
    with store.begin() as session:
        found = projects.get(session, new_project.id)
        pool.put_tasks(session, found, [(2, "/mended.png")], random.Random(0))
    assert 2 in wanted()
    assert told(store, new_project) == {}


def test_when_the_next_image_is_to_be_tried(store, new_project, change):
    def next_try():
        with store.read() as session:
            return embedding_queue.next_try(session, new_project.id)

    for task_id in range(1, 4):
        change(task_id, row=task_id)
    later = time.time() + 1000
    change(4, image_tries=1, image_retry_at=later)
    assert next_try() == 0.0  # of task 5, which was never tried
    change(5, image_tries=7, image_retry_at=later + 5)
    assert next_try() == later
    change(4, image_retry_at=0.0)  # overdue: again, but not without a pause
    assert 5 < next_try() - time.time() <= 10
    change(4, image_broken=True)
    assert next_try() == later + 5
    change(5, row=5)
    assert next_try() is None


def test_forgotten_rows_are_embedded_again(store, new_project, change, wanted):
    for task_id in range(1, 6):
        change(task_id, row=task_id)
    assert not wanted()
    with store.begin() as session:
        embedding_queue.forget_rows(session, projects.get(session, new_project.id), "another")
    assert sorted(wanted()) == [1, 2, 3, 4, 5]
    with store.read() as session:
        found = projects.get(session, new_project.id)
    assert (found.inputs_key, found.next_row) == ("another", 0)
