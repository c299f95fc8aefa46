"""Learning from mixtures of labelled images, so that few labels tell of what lies between them.

Mixup (Zhang et al., «mixup: beyond empirical risk minimization», ICLR 2018): every image of a step is
mixed with another one, and what the network says of the mixture is held to both labels, each by its
share. What it brings is in docs/training.md. Draws are of torch's global generator.
"""

import torch
from torch import Tensor, nn

from fishermask_backend.learning.objectives import Loss

ALPHA = 0.4  # of the Beta distribution of shares: mostly near one of the two images


def mixed_loss(model: nn.Module, rows: Tensor, loss: Loss, batch: Tensor) -> Tensor:
    """Return what is to fall in a step that learns from mixtures: λ·ℓ(z, y) + (1 − λ)·ℓ(z, y′).

    z are the logits of λ·x + (1 − λ)·x′; x′, y′ are the batch in another order, and λ is one draw for
    all of it.

    Args:
        model: From rows to logits.
        rows: (L, F) features.
        loss: From logits (n, C), and which of the rows their labels are of (n,), to ℓ.
        batch: (n,) places of rows.
    """
    others, share = batch[torch.randperm(len(batch))], drawn_share()
    found = model(torch.lerp(rows[others].float(), rows[batch].float(), share))
    return share * loss(found, batch) + (1 - share) * loss(found, others)


def drawn_share() -> float:
    """Return λ, a draw of Beta(ALPHA, ALPHA)."""
    return float(torch.distributions.Beta(ALPHA, ALPHA).sample())


def shuffled(own: Tensor) -> Tensor:
    """Return a random order of n places (n,) that moves those of `own` (n,) bool alone."""
    order, places = torch.arange(len(own)), own.nonzero().flatten().cpu()
    order[places] = places[torch.randperm(len(places))]
    return order
