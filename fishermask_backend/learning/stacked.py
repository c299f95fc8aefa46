"""Training many heads at once, of one kind and over the same features, each on labels of its own."""

import torch
from torch import Tensor, nn

from fishermask_backend.learning.classifier import FEW_ROWS, HEAD, descend, seeded
from fishermask_backend.learning.mixing import drawn_share, shuffled
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
        return self._ends(self._begins(features))

    def of_mixtures(self, features: Tensor, orders: Tensor, share: float) -> Tensor:
        """Return logits (K, n, C) of mixtures of features, other ones for each head.

        Args:
            features: (n, F).
            orders: (K, n) int64, what each is mixed with.
            share: λ, of the image itself.
        """
        # The first layer is linear: mixing what it gives, of 64 numbers each, is mixing features.
        begun = self._begins(features)
        others = begun.gather(1, orders[..., None].expand_as(begun))
        return self._ends(torch.lerp(others, begun, share))

    def _begins(self, features: Tensor) -> Tensor:
        every = features.expand(len(self.hidden), *features.shape)
        return torch.baddbmm(self.hidden_bias, every, self.hidden)

    def _ends(self, begun: Tensor) -> Tensor:
        return torch.baddbmm(self.last_bias, self.dropout(begun.relu()), self.last)


def fit_stack(
    features: Tensor,
    targets: Tensor,
    objective: Objective,
    labels: Tensor,
    *,
    classes: int,
    seed: int,
) -> nn.Module:
    """Train heads as `fit_classifier` trains one, each on some of the labels, and mixtures of them.

    Args:
        features: (L, F), standardised.
        targets: What they are labelled as, by `as_targets`.
        objective: How that is learnt.
        labels: (K, L) bool, which of them each head is trained on; one at least.
        classes: C.
        seed: Of initial weights, batches, mixtures and dropout.

    Returns:
        The heads (`Stack`), in eval mode.
    """
    device = features.device
    losses = [objective.loss(targets[own], classes) for own in labels]

    def summed(every: Tensor, rows: Tensor, batch: Tensor) -> Tensor:
        total = every.new_zeros(())
        for logits, named, own, loss in zip(every, rows, labels[:, batch], losses, strict=True):
            if own.any():
                total = total + loss(logits[own], targets[named[own]])
        return total

    with seeded(seed, device), one_thread(len(features) <= FEW_ROWS):
        stack = Stack(len(labels), features.shape[1], classes).to(device)

        def falls(batch: Tensor) -> Tensor:
            batch = batch.to(device)
            orders = torch.stack([shuffled(own) for own in labels[:, batch]]).to(device)
            share = drawn_share()
            every = stack.of_mixtures(features[batch], orders, share)
            own, others = batch.expand_as(orders), batch[orders]
            return share * summed(every, own, batch) + (1 - share) * summed(every, others, batch)

        return descend(stack, falls, len(features), HEAD)
