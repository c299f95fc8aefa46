"""Which parameters to look at."""

import math
from typing import Literal

import torch
from torch import Tensor, nn

from fishermask_backend.fisher.recording import trained_parameters

Rule = Literal["global", "per_layer"]


def fisher_mask(
    diagonal: Tensor,
    model: nn.Module,
    *,
    fraction: float = 0.002,
    inner: int | None = None,
    rule: Rule = "global",
    max_dim: int | None = None,
) -> Tensor:
    """Return the parameters of largest Fisher value, and the whole last layer.

    | rule | without `inner` | with `inner` |
    |---|---|---|
    | global | the last layer, filled up with the largest others to ⌊fraction·P⌋ in all | the last layer and the `inner` largest others |
    | per_layer | the last layer and of each other tensor its ⌈fraction·size⌉ largest | the last layer and `inner` others, each tensor a share by its size |

    They are the published «standard» and «dispersed» masks (arXiv 2411.05752).

    Args:
        diagonal: D (P,) from `fisher_diagonal`.
        model: Its trained parameters are what the diagonal is over. The last layer is the last
            module that has trained parameters of its own.
        fraction: Share of the parameters, in [0, 1].
        inner: How many entries beside the last layer, instead of a fraction.
        rule: «global» or «per_layer».
        max_dim: Of a larger mask only so many of largest Fisher value stay, the last layer's
            included: where the last layer alone is too large; `largest_entries` tells what share of
            the Fisher value they have. None: no limit.

    Returns:
        Sorted flat indices (d,), on the diagonal's device. Of equal values the lower index wins.

    Raises:
        ValueError: The diagonal is not (P,) or has a NaN, or an option is out of range.
    """  # noqa: E501
    parameters = trained_parameters(model)
    sizes = [p.numel() for p in parameters]
    if diagonal.shape != (sum(sizes),):
        raise ValueError(
            f"The diagonal is {tuple(diagonal.shape)}, the model has {sum(sizes)} trained "
            "parameters: make both from the same model."
        )
    if diagonal.isnan().any():
        raise ValueError("The diagonal has a NaN: check the model's weights.")
    if not 0 <= fraction <= 1:
        raise ValueError(f"fraction={fraction} must lie between 0 and 1.")
    if inner is not None and inner < 0:
        raise ValueError(f"inner={inner} must not be negative.")
    if max_dim is not None and max_dim < 1:
        raise ValueError(f"max_dim={max_dim} must be at least 1.")
    values = list(torch.split(diagonal.detach(), sizes))
    last = _last_layer(model, parameters)
    if rule == "global":
        mask = _global(values, last, fraction, inner)
    elif rule == "per_layer":
        mask = _per_layer(values, last, fraction, inner)
    else:
        raise ValueError(f"rule={rule!r} is unknown: use 'global' or 'per_layer'.")
    return mask if max_dim is None else largest_entries(mask, diagonal, max_dim)[0]


def largest_entries(mask: Tensor, diagonal: Tensor, count: int) -> tuple[Tensor, float]:
    """Return a mask's entries of largest Fisher value, and their share of what all of it have.

    Args:
        mask: Sorted flat indices (d,).
        diagonal: D (P,).
        count: How many entries are kept.

    Returns:
        Sorted flat indices (min(d, count),), and a share in [0, 1].
    """
    values = diagonal.detach()[mask]
    kept = _largest(values, count).sort().values
    return mask[kept], float(values[kept].sum() / values.sum().clamp_min(1e-300))


def _global(values: list[Tensor], last: set[int], fraction: float, inner: int | None) -> Tensor:
    chosen = torch.cat([torch.full_like(v, i in last).bool() for i, v in enumerate(values)])
    size, last_size = len(chosen), int(chosen.sum())
    count = math.floor(fraction * size) - last_size if inner is None else inner
    others = torch.cat(values).masked_fill(chosen, -1)  # a Fisher value is never negative
    chosen[_largest(others, min(max(count, 0), size - last_size))] = True
    return chosen.nonzero().flatten()


def _per_layer(values: list[Tensor], last: set[int], fraction: float, inner: int | None) -> Tensor:
    inside = [0 if i in last else len(v) for i, v in enumerate(values)]
    counts = (
        [math.ceil(fraction * size) for size in inside] if inner is None else _shares(inner, inside)
    )
    found, start = [], 0
    for i, v in enumerate(values):
        found.append(start + _largest(v, len(v) if i in last else counts[i]).sort().values)
        start += len(v)
    return torch.cat(found)


def _last_layer(model: nn.Module, parameters: list[nn.Parameter]) -> set[int]:
    """Return which of the parameters belong to the last module that has trained ones."""
    place = {p: i for i, p in enumerate(parameters)}
    owned = [
        {place[p] for p in module.parameters(recurse=False) if p in place}
        for module in model.modules()
    ]
    return next(own for own in reversed(owned) if own)


def _largest(values: Tensor, count: int) -> Tensor:
    """Return indices (count,) of the largest values, lower indices first among equals."""
    return torch.sort(values, descending=True, stable=True).indices[:count]


def _shares(total: int, sizes: list[int]) -> list[int]:
    """Split a total by sizes, exactly (largest remainder), none above its size."""
    total = min(total, sum(sizes))
    exact = [total * size / max(sum(sizes), 1) for size in sizes]
    shares = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(sizes)), key=lambda i: shares[i] - exact[i])
    for i in by_remainder[: total - sum(shares)]:
        shares[i] += 1
    return shares
