"""Training and predicting with the classifier of a project that learns several controls."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from fishermask_backend.controls.heads import Likelihood
from fishermask_backend.fisher.likelihood import LIKELIHOODS
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import Progress, fit_classifier, logits, train
from fishermask_backend.learning.objectives import Taught, joint_loss


def fit_heads(
    backbone: Backbone,
    rows: Tensor,
    taught: Sequence[Taught],
    *,
    pool_rows: Tensor,
    seed: int,
    on_progress: Progress | None = None,
) -> nn.Module:
    """Train a network with a head for each control; of a single one it is `fit_classifier`'s.

    What is to fall is the sum of the heads' own losses, each over the images that answer it. With a
    frozen backbone no weight is of two heads, so that each is learnt as if it were alone.

    Args:
        backbone: Whose rows these are.
        rows: (L, *row_shape), each labelled for some head.
        taught: What each head is taught of them.
        pool_rows: See `fit_classifier`, as all that follow.
        seed: Of initial weights, batches and dropout.
        on_progress: Called with steps done and steps in all.

    Returns:
        The network, in eval mode.
    """
    if len(taught) == 1:
        (only,) = taught
        return fit_classifier(
            backbone,
            rows[only.known],
            only.targets,
            num_classes=only.num_classes,
            likelihood=only.likelihood,
            pool_rows=pool_rows,
            seed=seed,
            on_progress=on_progress,
        )
    sizes = [head.num_classes for head in taught]
    loss = joint_loss([head.to(backbone.device) for head in taught])
    return train(
        backbone, lambda: backbone.network(sizes, pool_rows), rows, loss, seed, on_progress
    )


def joint_probabilities(
    model: nn.Module, rows: Tensor, heads: Sequence[tuple[Likelihood, int]]
) -> Tensor:
    """Class probabilities of rows by a network of one or more heads.

    Args:
        model: From rows to the logits of all heads, in eval mode.
        rows: (N, *row_shape) on any device.
        heads: Likelihood and number of classes of each.

    Returns:
        (N, ΣC) float32 on the CPU.
    """
    parts = torch.split(logits(model, rows), [size for _, size in heads], 1)
    models = [LIKELIHOODS[likelihood] for likelihood, _ in heads]
    return torch.cat([m.probabilities(part) for m, part in zip(models, parts, strict=True)], 1)
