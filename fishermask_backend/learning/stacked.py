"""Training many heads at once, of one kind and over the same features, each on labels of its own."""

import torch
from torch import Tensor, nn

from fishermask_backend.learning.classifier import FEW_ROWS, HEAD, descend, seeded
from fishermask_backend.learning.networks import DROPOUT, HIDDEN
from fishermask_backend.learning.objectives import Objective
from fishermask_backend.machine.threads import one_thread


class Stack(nn.Module):
    """K heads: Linear, ReLU, dropout, Linear, each with weights of its own, from one start."""

    hidden: Tensor
    hidden_bias: Tensor
    last: Tensor
    last_bias: Tensor

    def __init__(self, count: int, width: int, num_classes: int) -> None:
        """Set up heads.

        Args:
            count: K.
            width: F, of the features.
            num_classes: C.
        """
        super().__init__()
        hidden, last = nn.Linear(width, HIDDEN), nn.Linear(HIDDEN, num_classes)
        for name, tensor in (
            ("hidden", hidden.weight.T),
            ("hidden_bias", hidden.bias),
            ("last", last.weight.T),
            ("last_bias", last.bias),
        ):
            each = tensor.detach().view(1, -1, tensor.shape[-1]).repeat(count, 1, 1)
            self.register_parameter(name, nn.Parameter(each))
        self.dropout = nn.Dropout(DROPOUT)

    def forward(self, features: Tensor) -> Tensor:
        """Return logits (K, n, C) of features (n, F)."""
        every = features.expand(len(self.hidden), *features.shape)
        active = torch.baddbmm(self.hidden_bias, every, self.hidden).relu()
        return torch.baddbmm(self.last_bias, self.dropout(active), self.last)


def fit_stack(
    features: Tensor,
    targets: Tensor,
    objective: Objective,
    labels: Tensor,
    *,
    classes: int,
    seed: int,
) -> nn.Module:
    """Train heads as `fit_classifier` trains one, each on some of the labels.

    Args:
        features: (L, F), standardised.
        targets: What they are labelled as, by `as_targets`.
        objective: How that is learnt.
        labels: (K, L) bool, which of them each head is trained on; one at least.
        classes: C.
        seed: Of initial weights, batches and dropout.

    Returns:
        The heads (`Stack`), in eval mode.
    """
    device = features.device
    losses = [objective.loss(targets[own], classes) for own in labels]

    def summed(every: Tensor, batch: Tensor) -> Tensor:
        named, total = targets[batch], every.new_zeros(())
        for logits, own, loss in zip(every, labels[:, batch], losses, strict=True):
            if own.any():
                total = total + loss(logits[own], named[own])
        return total

    with seeded(seed, device), one_thread(len(features) <= FEW_ROWS):
        stack = Stack(len(labels), features.shape[1], classes).to(device)
        return descend(stack, features, summed, HEAD)
