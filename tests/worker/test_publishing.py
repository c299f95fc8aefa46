"""What of a round is imported."""

import numpy as np

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.settings import load_settings
from fishermask_backend.store import queues, rounds
from fishermask_backend.store.rounds import Scored
from fishermask_backend.worker.publishing import _predictions
from tests.conftest import CONFIG, publish_round


def predictions(work, made, **settings):
    work.settings = load_settings().model_copy(update=settings)
    with work.store.read() as session:
        queue = queues.active(session, work.project_id)
    return _predictions(work, parse_label_config(CONFIG), made, queue)


def test_predictions_are_in_the_queue_s_order(work, store, project):
    made = publish_round(
        store, project, [2, 1], [Scored(3, 0.75, 0.1, np.array([0.2, 0.8], np.float32))]
    )
    first, second = predictions(work, made)
    assert [(p["task"], p["score"]) for p in (first, second)] == [(2, 0.0), (1, 0.25)]
    assert first["model_version"] == "fishermask-1"
    assert first["result"][0]["value"] == {"choices": ["cat"]}
    assert [p["result"] for p in predictions(work, made, prelabels=False)] == [[], []]


def test_a_task_without_a_score_is_queued_without_a_pre_label(work, store, project):
    made = publish_round(store, project, [2, 1])
    with store.begin() as session:
        session.delete(rounds.scores_of(session, made.id, [1])[1])
    assert [bool(p["result"]) for p in predictions(work, made)] == [True, False]
