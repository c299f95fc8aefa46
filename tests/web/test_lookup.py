"""Tasks that /predict is asked about and that have no score: who waits for one, and who does not."""

import threading
import time

import numpy as np
import pytest
from sqlalchemy import update

from fishermask_backend.settings import load_settings
from fishermask_backend.store import pool, rounds
from fishermask_backend.store.rounds import Scored
from fishermask_backend.store.schema import ScoreRequest
from fishermask_backend.web import lookup
from fishermask_backend.web.lookup import look_up
from fishermask_backend.web.model import FisherMaskBackend
from tests.conftest import tasks

BOTH_DATABASES = True


def asked(store, project):
    with store.read() as session:
        return rounds.requested(session, project.id)


def test_predict_of_a_task_not_seen_asks_the_worker_and_answers_nothing(store, served):
    (answer,) = FisherMaskBackend("7.1000").predict(tasks(4))
    assert answer == []
    assert asked(store, served)


def test_nobody_waits_again_for_what_was_asked_for_in_vain(store, served, settings, monkeypatch):
    patient = settings.model_copy(update={"predict_wait": 60.0})
    monkeypatch.setattr(lookup.time, "sleep", lambda _: pytest.fail("waited"))
    with store.begin() as session:
        rounds.ask_scores(session, served.id, [4])
        session.execute(update(ScoreRequest).values(requested_at=time.time() - 61))
    found = look_up(store, patient, served.id, [2, 4])
    assert (list(found.scores), found.missing) == ([2], [4])


def test_predict_waits_for_the_worker(store, served, monkeypatch):
    monkeypatch.setenv("PREDICT_WAIT", "30")
    load_settings.cache_clear()

    def answer_when_asked():
        while not asked(store, served):
            time.sleep(0.01)
        with store.begin() as session:
            source = rounds.active(session, served.id)
            rounds.put_scores(session, source.id, [Scored(4, 0.6, 0.2, np.array([0.2, 0.8]))])

    worker = threading.Thread(target=answer_when_asked)
    worker.start()
    answers = FisherMaskBackend("7.1000").predict(tasks(4, 2))
    worker.join()
    assert [a["score"] for a in answers] == [0.6, 0.0]
    assert answers[0]["result"][0]["value"] == {"choices": ["dog"]}


def test_predict_does_not_ask_for_images_that_failed(store, served):
    with store.begin() as session:
        task = pool.tasks_by_id(session, served.id, [4])[4]
        task.row, task.image_error = None, "Task 4, image /4.png: gone."
    (answer,) = FisherMaskBackend("7.1000").predict(tasks(4))
    assert answer == []
    assert not asked(store, served)


def test_at_most_half_of_the_threads_wait(store, served, settings, monkeypatch):
    patient = settings.model_copy(update={"predict_wait": 60.0, "threads": 4})
    rest = threading.Event()
    waiting = threading.Barrier(3)  # two, and this test

    def sleep(_):
        waiting.wait(30)
        rest.wait(30)

    monkeypatch.setattr(lookup.time, "sleep", sleep)
    askers = [
        threading.Thread(target=look_up, args=(store, patient, served.id, [4])) for _ in range(2)
    ]
    for asker in askers:
        asker.start()
    waiting.wait(30)
    found = look_up(store, patient, served.id, [2, 4])  # at once, with what there is
    assert (list(found.scores), found.missing) == ([2], [4])
    known = look_up(store, patient, served.id, [1, 2, 3])
    assert (len(known.scores), known.missing) == (3, [])
    monkeypatch.setattr(lookup.time, "monotonic", lambda: float("inf"))
    rest.set()
    for asker in askers:
        asker.join()
