"""Picking one image after the other, and taking picks back."""

import math
from collections.abc import Callable

import torch
from torch import Tensor

from fishermask_backend.fisher.joint import JointInformation
from fishermask_backend.fisher.parts import Explained
from fishermask_backend.fisher.shards import Shards

TIE = 1e-9  # gains this close to the largest, relative to it, are equal: rounding decides nothing


def greedy(
    information: JointInformation,
    indices: Tensor,
    batch_size: int,
    backward_steps: float,
    shards: Shards,
    device: torch.device,
    on_pick: Callable[[int, int], None],
    explained: Explained,
) -> tuple[dict[int, int | None], list[float]]:
    """Return the picks in their order, and their gains.

    Args:
        information: Of this process's candidates.
        indices: Their indices over all shards (M,), ascending.
        batch_size: K.
        backward_steps: b.
        shards: The other processes.
        device: Of the information.
        on_pick: Told of each pick.
        explained: Keeps what each gain is made of.

    Returns:
        Each pick's index over all shards, with its place among this process's candidates or None;
        and how much each lowered the objective.
    """
    open_ = torch.ones(len(indices), dtype=torch.bool, device=device)
    picked: dict[int, int | None] = {}
    gains: list[float] = []
    most = sum(shards.counts(len(indices), open_))
    forward = min(math.floor((backward_steps + 1) * batch_size), most)
    on_pick(0, forward)
    for _ in range(forward):
        now = information.leading_gains(open_)
        index, place = _first_largest(now, indices, shards)
        picked[index] = place
        gains.append(shards.largest(-math.inf if place is None else float(now[place]), now))
        explained.note(index, place, gains[-1], open_)
        if place is not None:
            open_[place] = False
        information.add(place)
        on_pick(len(picked), forward)
    while len(picked) > batch_size:
        ordered = sorted(picked)
        own = {i: place for i, index in enumerate(ordered) if (place := picked[index]) is not None}
        losses = torch.zeros(len(ordered), dtype=torch.float64, device=device)
        losses[[*own]] = information.losses([*own.values()])
        rises = -shards.sum(losses)
        worst = ordered[int(_near(rises, float(rises.max())).nonzero()[0])]
        del gains[[*picked].index(worst)]
        information.remove(picked.pop(worst))
    return picked, gains


def _first_largest(values: Tensor, indices: Tensor, shards: Shards) -> tuple[int, int | None]:
    """Return the lowest index of those with the largest value, and its place if it is here."""
    top = shards.largest(float(values.max()) if len(values) else -math.inf, values)
    near = _near(values, top).nonzero().flatten().cpu()
    first = int(indices[near[0]]) if len(near) else None
    lowest = -shards.largest(-math.inf if first is None else -first, values)
    return int(lowest), int(near[0]) if first == lowest else None


def _near(values: Tensor, top: float) -> Tensor:
    return values >= top - TIE * abs(top)
