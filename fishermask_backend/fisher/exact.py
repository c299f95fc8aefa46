"""The slow way that is right for every layer: one image, one row at a time."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn


def image_rows(
    model: nn.Module,
    image: Tensor,
    parameters: Sequence[Tensor],
    make_vectors: Callable[[Tensor], Tensor],
) -> dict[Tensor, Tensor]:
    """Return the rows sᵀ ∂z/∂θ of one image by autograd alone.

    Args:
        model: In eval mode.
        image: (1, ...).
        parameters: Those wanted.
        make_vectors: Maps logits (1, C) to the vectors s (1, R, C).

    Returns:
        Of each parameter (R, its size).
    """
    logits = model(image)
    wanted = make_vectors(logits.detach())[0]
    rows = {p: p.new_zeros((len(wanted), p.numel())) for p in parameters}
    for r, vector in enumerate(wanted):
        gradients = torch.autograd.grad(
            logits, parameters, vector.unsqueeze(0), retain_graph=True, materialize_grads=True
        )
        for parameter, gradient in zip(parameters, gradients, strict=True):
            rows[parameter][r] = gradient.flatten()
    return rows
