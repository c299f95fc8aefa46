"""What of a round is imported."""

import numpy as np
import pytest

from fishermask_backend.errors import LabelStudioError
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.settings import load_settings
from fishermask_backend.store import queues, rounds
from fishermask_backend.store.rounds import Scored
from fishermask_backend.worker.publishing import _import, _predictions
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


def test_pre_labels_below_the_wanted_probability_are_not_published(work, store, project):
    made = publish_round(store, project, [2, 1])
    assert all(p["result"] for p in predictions(work, made, prelabel_above=0.0))
    assert not any(p["result"] for p in predictions(work, made, prelabel_above=0.99))


class Importing:
    """As much of Label Studio as an import asks; it takes so many predictions one at a time."""

    def __init__(self, takes, status=400):
        self.takes, self.status = takes, status
        self.singly, self.imported = [], []

    def add_prediction(self, studio_id, prediction):
        if len(self.singly) == self.takes:
            raise LabelStudioError("Invalid choices.", self.status)
        self.singly.append(prediction)

    def import_predictions(self, studio_id, predictions):
        self.imported += predictions
        return len(predictions)


NESTED = parse_label_config(CONFIG.replace("<Choices ", '<Choices allowNested="true" '))
SOME = [{"task": i, "result": [{"from_name": "label"}] if i != 2 else []} for i in range(1, 5)]


@pytest.mark.parametrize("takes", [4, 1, 0])
def test_what_the_import_drops_is_sent_one_at_a_time_as_far_as_it_is_taken(work, takes):
    work.studio = studio = Importing(takes)
    assert _import(work, NESTED, 7, SOME) == len(SOME)
    assert [p["task"] for p in studio.singly] == [1, 3, 4][:takes]
    assert all(p["result"] == [] for p in studio.imported)
    assert len(studio.singly) + len(studio.imported) == len(SOME)


def test_other_failures_end_the_import(work):
    work.studio = Importing(1, status=500)
    with pytest.raises(LabelStudioError):
        _import(work, NESTED, 7, SOME)


def test_what_the_import_takes_is_imported_in_one_call(work):
    work.studio = studio = Importing(0)
    assert _import(work, parse_label_config(CONFIG), 7, SOME) == len(SOME)
    assert studio.imported == SOME
