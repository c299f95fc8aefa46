"""Projects: one to store rounds and queues of, one with five tasks not read yet."""

import random

import pytest

from fishermask_backend.store import pool, projects


@pytest.fixture
def project_id(store):
    with store.begin() as session:
        return projects.register(session, "http://ls", 1, 1000).id


@pytest.fixture
def new_project(store):
    with store.begin() as session:
        found = projects.register(session, "http://ls", 1, 1000)
        pool.put_tasks(session, found, [(i, f"/{i}.png") for i in range(1, 6)], random.Random(0))
        return found
