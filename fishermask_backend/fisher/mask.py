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
) -> Tensor:
    """Return the parameters of largest Fisher value, and the whole last layer.

    | rule | without `inner` | with `inner` |
    |---|---|---|
    | global | the last layer, filled up with the largest others to ⌊fraction·P⌋ in all | the last layer and the `inner` largest others |
    | per_layer | the last layer and of each other tensor its ⌈fraction·size⌉ largest | the last layer and `inner` others, each tensor a share by its size |

    They are the published «standard» and «dispersed» masks (arXiv 2411.05752, section III).

    Args:
        diagonal: D (P,) from `fisher_diagonal`.
        model: Its trained parameters are what the diagonal is over. The last layer is the last
            module that has trained parameters of its own.
        fraction: Share of the parameters, in [0, 1].
        inner: How many entries beside the last layer, instead of a fraction.
        rule: «global» or «per_layer».

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
    last = _last_layer(model, parameters)
    values = torch.split(diagonal.detach(), sizes)
    wanted = [len(v) if i in last else 0 for i, v in enumerate(values)]
    if rule == "global":
        free = sum(sizes) - sum(wanted)
        count = math.floor(fraction * sum(sizes)) - sum(wanted) if inner is None else inner
        others = torch.cat(
            [torch.full_like(v, -1) if i in last else v for i, v in enumerate(values)]
        )
        chosen = _largest(others, min(max(count, 0), free))
        whole = torch.cat([torch.full_like(v, i in last).bool() for i, v in enumerate(values)])
        whole[chosen] = True
        return whole.nonzero().flatten()
    if rule == "per_layer":
        inside = [0 if i in last else size for i, size in enumerate(sizes)]
        if inner is None:
            wanted = [w or math.ceil(fraction * s) for w, s in zip(wanted, inside, strict=True)]
        else:
            wanted = [w or s for w, s in zip(wanted, _shares(inner, inside), strict=True)]
        starts = torch.tensor([0, *sizes]).cumsum(0).tolist()
        return torch.cat(
            [
                _largest(v, w).sort().values + s
                for v, w, s in zip(values, wanted, starts, strict=False)
            ]
        )
    raise ValueError(f"rule={rule!r} is unknown: use 'global' or 'per_layer'.")


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
