"""A small head over made-up features, and what a strategy is given of it."""

import torch
from torch import Tensor, nn

from fishermask_backend.labeling import LabelSpec
from fishermask_backend.learning.classifier import probabilities
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings

POOL, QUEUE = 40, 6
# Queues of six, by the head's parameters.
ENVIRONMENT = {
    "BATCH_SIZE": "4", "QUEUE_MARGIN": "2", "FISHER_OVER": "head", "MASK_INNER": "10",
}  # fmt: skip


def marks(*indices: int) -> Tensor:
    """(POOL,) bool, True at these."""
    found = torch.zeros(POOL, dtype=torch.bool)
    found[list(indices)] = True
    return found


LABELLED = marks(0, 5, 9, 30)
CLOSED = marks(0, 5, 9, 30, 2, 3)  # labelled, or served to nobody any more


def head(classes: int) -> nn.Module:
    """From eight features to so many logits."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, classes)).eval()


def features(count: int = POOL) -> Tensor:
    """Rows (count, 8)."""
    return torch.randn(count, 8, generator=torch.Generator().manual_seed(1))


def trained(
    settings: Settings, spec: LabelSpec, model: nn.Module | None = None, servable: Tensor = ~CLOSED
) -> Trained:
    """The head as a round has it, LABELLED being what it was trained on."""
    model, rows = model or head(len(spec.classes)), features()
    probs = probabilities(model, rows, spec.likelihood)
    recipe = FactorRecipe.of(settings, spec)
    return Trained(model, "features", rows, probs, LABELLED, servable, recipe)
