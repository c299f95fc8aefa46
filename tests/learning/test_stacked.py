"""Many heads at once against each by itself."""

import pytest
import torch
from torch import nn
from torch.nn import functional

from fishermask_backend.learning import stacked
from fishermask_backend.learning.objectives import OBJECTIVES
from fishermask_backend.learning.stacked import fit_stack

GENERATOR = torch.Generator().manual_seed(0)
FEATURES = torch.randn(30, 8, generator=GENERATOR)
CLASSES = torch.arange(30) % 3
SEVERAL = torch.rand(30, 3, generator=GENERATOR).round()
LABELS = torch.stack([torch.arange(30) % 5 != fold for fold in range(5)])


@pytest.mark.parametrize(
    ("likelihood", "targets"), [("categorical", CLASSES), ("bernoulli", SEVERAL)]
)
def test_each_head_is_what_it_would_be_alone(likelihood, targets, monkeypatch):
    monkeypatch.setattr(stacked, "DROPOUT", 0.0)  # which the heads draw together
    objective = OBJECTIVES[likelihood]
    stack = fit_stack(FEATURES, targets, objective, LABELS, classes=3, seed=1)
    for k, own in enumerate(LABELS):
        start = stacked_start()
        optimizer = torch.optim.AdamW(start.parameters(), lr=1e-3, weight_decay=0.01)
        loss = objective.loss(targets[own], 3)
        for _ in range(150):
            optimizer.zero_grad()
            loss(start(FEATURES[own]), targets[own]).backward()
            optimizer.step()
        torch.testing.assert_close(stack(FEATURES)[k], start(FEATURES), rtol=0, atol=5e-3)


def stacked_start() -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(1)
        return nn.Sequential(nn.Linear(8, 64), nn.ReLU(), nn.Linear(64, 3))


def test_it_learns_without_what_is_held_out():
    centres = 3 * torch.randn(3, 8, generator=GENERATOR)
    rows = centres[CLASSES] + torch.randn(30, 8, generator=GENERATOR)
    stack = fit_stack(rows, CLASSES, OBJECTIVES["categorical"], LABELS, classes=3, seed=0)
    held_out = stack(rows)[torch.arange(30) % 5, torch.arange(30)]
    assert (held_out.argmax(1) == CLASSES).float().mean() > 0.9
    assert not torch.equal(stack(rows)[0], stack(rows)[1])
    wrong = functional.cross_entropy(held_out, CLASSES)
    assert wrong > functional.cross_entropy(stack(rows)[0], CLASSES)
