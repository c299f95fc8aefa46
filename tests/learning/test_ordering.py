"""From gains to places."""

import torch

from fishermask_backend.learning.ordering import QUEUE_END, Order, evenly_spaced, ranked

NAN, INF = float("nan"), float("inf")


def test_places():
    assert evenly_spaced(torch.tensor([4, 1, 0]), 5, 2).tolist() == [0.5, 0.25, 1.0, 1.0, 0.0]
    assert evenly_spaced(torch.tensor([], dtype=torch.long), 2, 2).tolist() == [1.0, 1.0]


def test_largest_gain_first_of_equals_the_lower_index():
    gains = torch.tensor([0.1, 0.5, NAN, 0.5, -INF, 0.9])
    servable = torch.tensor([True, True, True, True, True, False])
    assert ranked(gains, servable).tolist() == [1, 3, 0]


def test_an_order_by_gain():
    gains = torch.tensor([0.1, 0.5, 0.2, 0.9])
    servable = torch.tensor([True, True, True, False])
    order = Order.by_gain(gains, servable, 2)
    assert order.scores.tolist() == [QUEUE_END, 0.0, 0.25, 1.0]
    assert torch.equal(order.gains, torch.where(servable, gains.double(), 0.0))
    assert order.scores.dtype == order.gains.dtype == torch.float64
