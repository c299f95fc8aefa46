"""Per-image gradients of one parameter, squared and summed or read at single entries.

Indices: n images, c rows (backward passes), g groups, o outputs, i inputs, t positions; shapes
G (N, C, G, O, T) for gradients of the output and X (N, G, I, T) for patches (see `layers.py`).
"""

import torch
from torch import Tensor
from torch.autograd.graph import GradientEdge

from fishermask_backend.fisher.layers import Use
from fishermask_backend.fisher.recording import Recording

GATHER_COST = 16  # multiplying and summing single entries, against a matrix product's, per entry


def output_gradients(recording: Recording, uses: list[Use], seeds: Tensor) -> list[Tensor]:
    """Back-propagate each seed through the whole batch at once.

    Images are independent in eval mode, so that row c of all images is one backward pass.

    Args:
        recording: The forward pass.
        uses: Whose outputs' gradients are wanted.
        seeds: (N, C, logits).

    Returns:
        Per use (N, C, G, O, T).
    """
    edges = list(dict.fromkeys(use.edge for use in uses))
    rows = [
        dict(zip(edges, _backward(recording.logits, edges, seeds[:, c]), strict=True))
        for c in range(seeds.shape[1])
    ]
    return [torch.stack([use.align(row[use.edge]) for row in rows], 1) for use in uses]


def joined(uses: list[Use], gradients: list[Tensor]) -> tuple[Tensor, Tensor]:
    """Return gradients and patches of a parameter; used twice, it just has more positions."""
    patches = [use.patches() for use in uses]
    if len(uses) == 1:
        return gradients[0], patches[0]
    return torch.cat(gradients, -1), torch.cat(patches, -1)


def squared_sum(gradients: Tensor, patches: Tensor) -> Tensor:
    """Return Σ_nc (Σ_t G X)² for every entry, flattened to (G·O·I,).

    With few positions the square is multiplied out, Σ_tt' (Σ_c G_ct G_ct') X_t X_t': one matrix
    product over images and pairs of positions, for all rows together. With many, per-image
    gradients are formed by batched matrix products. Scales (one output, one input) are summed
    directly.
    """
    _, C, _, O, T = gradients.shape
    if O == patches.shape[2] == 1:
        return torch.einsum("ncgot,ngit->ncgoi", gradients, patches).square().sum((0, 1)).flatten()
    if T + 1 <= 2 * C + 8:
        return _squared_by_pairs(gradients, patches)
    return per_image(gradients, patches).square_().sum((0, 1)).flatten()


def per_image(gradients: Tensor, patches: Tensor) -> Tensor:
    """Return every image's gradient Σ_t G X: (N, C, G, O, I)."""
    N, C, G, O, T = gradients.shape
    stacked = gradients.transpose(1, 2).reshape(N, G, C * O, T)
    product = stacked @ patches.mT
    return product.view(N, G, C, O, -1).transpose(1, 2)


def entries(gradients: Tensor, patches: Tensor, wanted: Tensor) -> Tensor:
    """Return every image's gradient at single entries of the parameter.

    Args:
        gradients: (N, C, G, O, T).
        patches: (N, G, I, T).
        wanted: Flat indices (k,) into (G, O, I).

    Returns:
        (N, C, k).
    """
    N, C, G, O, T = gradients.shape
    I = patches.shape[2]
    outputs, inputs = wanted // I, wanted // (O * I) * I + wanted % I
    gradients, patches = gradients.reshape(N, C, G * O, T), patches.reshape(N, G * I, T)
    if T == 1:
        picked = patches[:, inputs].squeeze(-1).unsqueeze(1)
        return gradients[:, :, outputs].squeeze(-1) * picked
    rows, row = torch.unique(outputs, return_inverse=True)
    columns, column = torch.unique(inputs, return_inverse=True)
    if len(rows) * len(columns) <= GATHER_COST * len(wanted):
        block = gradients[:, :, rows].reshape(N, -1, T) @ patches[:, columns].mT
        block = block.view(N, C, -1)
        return block[:, :, row * len(columns) + column]
    parts = [
        (gradients[:, :, outputs[part]] * patches[:, None, inputs[part]]).sum(-1)
        for part in torch.split(torch.arange(len(wanted), device=wanted.device), 64)
    ]
    return torch.cat(parts, -1)


def _backward(logits: Tensor, edges: list[GradientEdge], seed: Tensor) -> tuple[Tensor, ...]:
    return torch.autograd.grad(logits, edges, seed, retain_graph=True)


def _squared_by_pairs(gradients: Tensor, patches: Tensor) -> Tensor:
    _, _, G, O, T = gradients.shape
    first, second = torch.triu_indices(T, T, device=gradients.device)
    twice = torch.where(first == second, 1.0, 2.0).to(gradients)
    weights = torch.stack(
        [
            (gradients[..., t] * gradients[..., u]).sum(1)
            for t, u in zip(first, second, strict=True)
        ],
        -1,
    )  # (N, G, O, pairs)
    weights *= twice
    products = patches[..., first] * patches[..., second]  # (N, G, I, pairs)
    left = weights.permute(1, 2, 0, 3).reshape(G, O, -1)
    right = products.permute(1, 2, 0, 3).reshape(G, patches.shape[2], -1)
    return (left @ right.mT).flatten()
