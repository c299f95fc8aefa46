"""Learning from mixtures."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from fishermask_backend.learning import mixing
from fishermask_backend.learning.mixing import drawn_share, mixed_loss, shuffled

ROWS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
LABELS = torch.tensor([0, 1, 2, 0, 1, 2])


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_a_mixture_is_held_to_both_labels_each_by_its_share(share, monkeypatch):
    order = torch.tensor([1, 2, 3, 0])
    monkeypatch.setattr(mixing, "drawn_share", lambda: share)
    monkeypatch.setattr(mixing.torch, "randperm", lambda count: order)
    model, batch = nn.Linear(4, 3), torch.tensor([0, 2, 4, 5])
    found = mixed_loss(
        model, ROWS, lambda z, rows: functional.cross_entropy(z, LABELS[rows]), batch
    )
    expected = 0.0
    for own, other in zip(batch.tolist(), batch[order].tolist(), strict=True):
        logs = model(share * ROWS[own] + (1 - share) * ROWS[other]).log_softmax(0)
        expected -= share * logs[LABELS[own]] + (1 - share) * logs[LABELS[other]]
    torch.testing.assert_close(found, expected / len(batch))


def test_rows_as_they_are_stored_are_mixed_in_full_precision():
    rows = (1000 * ROWS).to(torch.float16)
    seen = []
    mixed_loss(lambda x: seen.append(x) or x, rows, lambda z, _: z.sum(), torch.arange(6))
    assert seen[0].dtype == torch.float32


def test_shares_are_mostly_near_one_of_the_two():
    shares = torch.tensor([drawn_share() for _ in range(2000)])
    assert 0.45 < shares.mean() < 0.55
    assert ((shares < 0.1) | (shares > 0.9)).float().mean() > 0.4


@pytest.mark.parametrize("own", [[], [3], [0, 2, 5], range(7)])
def test_an_order_moves_some_places_alone(own):
    marked = torch.zeros(7, dtype=torch.bool)
    marked[list(own)] = True
    for _ in range(20):
        order = shuffled(marked)
        assert order.sort().values.tolist() == [*range(7)]
        assert (order[~marked] == torch.arange(7)[~marked]).all()
    if len(own) > 2:
        assert any((shuffled(marked) != torch.arange(7)).any() for _ in range(20))
