import time

import pytest

from fishermask_backend.store import embedding_queue, pool, projects

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


def test_labelled_images_are_embedded_first_and_failed_ones_wait(change, wanted):
    change(4, annotated=True)
    assert wanted()[0] == 4
    change(4, image_tries=1, image_retry_at=time.time() + 60)
    assert sorted(wanted()) == [1, 2, 3, 5]


def test_an_image_that_failed_too_often_is_given_up_until_all_are_retried(
    store, new_project, change, wanted
):
    change(2, image_error="it is broken", image_tries=embedding_queue.IMAGE_TRIES)
    with store.read() as session:
        assert embedding_queue.errors(session, new_project.id) == {2: "it is broken"}
    assert 2 not in wanted()
    with store.begin() as session:
        embedding_queue.retry(session)
    assert 2 in wanted()


def test_when_the_next_image_is_to_be_tried(store, new_project, change):
    for task_id in range(1, 4):
        change(task_id, row=task_id)
    change(4, image_tries=1, image_retry_at=2000.0)
    change(5, image_tries=1, image_retry_at=1000.0)
    with store.read() as session:
        assert embedding_queue.next_try(session, new_project.id) == 1000.0
    change(5, row=5)
    change(4, image_tries=embedding_queue.IMAGE_TRIES)
    with store.read() as session:
        assert embedding_queue.next_try(session, new_project.id) is None


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
