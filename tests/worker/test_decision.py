"""What a round decides about, and what is stored of its decision."""

from dataclasses import replace

import pytest
import torch

from fishermask_backend.learning.ordering import Order
from fishermask_backend.learning.reasons import Reason
from fishermask_backend.store.schema import COLD_START, Task
from fishermask_backend.worker.decision import Decision, Pool

TASKS = [
    Task(task_id=3, answer='["cat"]'),
    Task(task_id=5, answer=None),
    Task(task_id=9, answer="[]"),
]


def test_a_pool_knows_its_labels():
    pool = Pool(TASKS, torch.zeros(3, 2), torch.tensor([False, True, True]))
    assert pool.answers == {3: '["cat"]', 9: "[]"}
    assert pool.lesson.labelled.tolist() == [True, False, True]
    assert pool.lesson.rows is pool.rows
    assert pool.lesson.servable is pool.servable


@pytest.fixture
def order():
    return Order(torch.tensor([1.0, 0.0, 0.5]), torch.tensor([0.0, 2.0, 1.0]), [], None)


def test_a_cold_start_stores_places_without_probabilities(order):
    stored = Decision(COLD_START, order).scored(TASKS)
    assert [(s.task_id, s.score, s.gain, s.probabilities) for s in stored] == [
        (3, 1.0, 0.0, None),
        (5, 0.0, 2.0, None),
        (9, 0.5, 1.0, None),
    ]


def test_reasons_are_stored_with_their_tasks(order):
    reasons = {1: [Reason("many", 12.3456789, 0.98765432)], 2: []}
    stored = Decision("fishermask", replace(order, reasons=reasons)).scored(TASKS)
    told = [{"part": "many", "value": 12.35, "above": 0.9877}]
    assert [(s.task_id, s.why) for s in stored] == [(3, None), (5, told), (9, [])]


def test_each_task_has_its_own_probabilities(order):
    probs = torch.tensor([[0.25, 0.75], [0.5, 0.5], [1.0, 0.0]])
    stored = Decision("fishermask", order, torch.nn.Identity(), probs).scored(TASKS)
    assert [s.probabilities.tolist() for s in stored] == probs.tolist()
