"""Whether a network ends in a head whose factors have the structure of `head.py`, and which one."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fishermask_backend.fisher.groups import Groups
from fishermask_backend.fisher.offset import WithOffset
from fishermask_backend.fisher.recording import trained_parameters

IDLE = (nn.Dropout, nn.Identity)  # in eval mode they change nothing


@dataclass(frozen=True)
class Head:
    """The end of a network that masked parameters lie in.

    Attributes:
        prefix: Everything before it; maps images to (N, F).
        hidden: A Linear that a ReLU follows; None where only the last layer's entries are masked.
        last: The last Linear, which gives the logits.
        inner: How many masked entries are the hidden layer's.
        offset: From images to what is added to the logits (N, C).
    """

    prefix: nn.Module
    hidden: nn.Linear | None
    last: nn.Linear
    inner: int
    offset: nn.Module | None = None

    def image_bytes(self, rows: int) -> int:
        """Return `HeadFactors.image_bytes` before there are any, with so many rows an image."""
        numbers = self.last.in_features + 1 + self.inner
        return 8 * rows * self.last.out_features + self.last.weight.element_size() * numbers


def find_head(model: nn.Module, mask: Tensor) -> Head | None:
    """Return the head that all masked parameters lie in, or None.

    The network must be a chain of modules (nn.Sequential, nested or not) that ends in a Linear, or
    in Linear, ReLU, Linear, with nothing but Dropout between; all of them torch's own, without
    hooks. What comes before is not looked at, but must not use a masked parameter. The end may have
    an offset (`WithOffset`).
    """
    chain, offset = _working(model), None
    if chain and _is(chain[-1], WithOffset):
        moved, outer = chain[-1], chain[:-1]
        offset = nn.Sequential(*outer, moved.offset)  # type: ignore[arg-type]
        chain = [*outer, *_working(moved.network)]  # type: ignore[arg-type]
    if not chain or not _is(chain[-1], nn.Linear):
        return None
    counts = _masked(mask, trained_parameters(model))
    masked = counts.keys()
    last, before = chain[-1], chain[:-1]
    hidden = None
    if not masked <= _own(last):
        if len(before) < 2 or not (_is(before[-1], nn.ReLU) and _is(before[-2], nn.Linear)):
            return None
        hidden, before = before[-2], before[:-2]
        if not masked <= _own(last) | _own(hidden) or _own(last) & _own(hidden):
            return None
    others = before if offset is None else [*before, offset]
    if any(id(p) in masked for module in others for p in module.parameters()):
        return None
    inner = sum(counts.get(p, 0) for p in _own(hidden)) if hidden is not None else 0
    return Head(nn.Sequential(*before), hidden, last, inner, offset)  # type: ignore[arg-type]


def _working(model: nn.Module) -> list[nn.Module]:
    """Return the modules of a chain that do anything."""
    return [module for module in _chain(model) if type(module) not in IDLE or not _plain(module)]


def _chain(module: nn.Module) -> Iterator[nn.Module]:
    if _is(module, nn.Sequential):
        for child in module.children():
            yield from _chain(child)
    else:
        yield module


def _is(module: nn.Module, kind: type[nn.Module]) -> bool:
    """Return whether it is torch's own module of that kind: a subclass may do something else."""
    return type(module) is kind and _plain(module)


def _plain(module: nn.Module) -> bool:
    """Return whether calling it does what its class does: no hook, no forward of its own."""
    hooks = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")
    return "forward" not in vars(module) and not any(getattr(module, name) for name in hooks)


def _own(module: nn.Module) -> set[int]:
    return {id(p) for p in module.parameters()}


def _masked(mask: Tensor, parameters: list[nn.Parameter]) -> dict[int, int]:
    """Return how many entries in the mask each parameter (by id) has that has any."""
    edges = torch.tensor([p.numel() for p in parameters]).cumsum(0)
    owners = torch.searchsorted(edges, mask.cpu(), right=True)
    counts = torch.bincount(owners, minlength=len(parameters)).tolist()
    return {id(p): count for p, count in zip(parameters, counts, strict=True) if count}


def grouped(
    head: Head, mask: Tensor, parameters: list[nn.Parameter]
) -> tuple[Groups, tuple[Tensor, Tensor]]:
    """Return how the masked entries are grouped, and unit and input of each hidden one, sorted.

    An input F stands for the bias, whose number is 1.
    """
    edges = torch.tensor([0, *(p.numel() for p in parameters)], device=mask.device).cumsum(0)
    start = {id(p): int(edge) for p, edge in zip(parameters, edges, strict=False)}
    C, H = head.last.weight.shape

    def entries(layer: nn.Linear) -> tuple[Tensor, Tensor, Tensor]:
        """Return columns of V, outputs and inputs of a layer's masked entries."""
        width = layer.in_features
        found = []
        for parameter in (layer.weight, layer.bias):
            if parameter is not None and id(parameter) in start:
                own = mask - start[id(parameter)]
                place = ((own >= 0) & (own < parameter.numel())).nonzero().flatten()
                own = own[place]
                if parameter is layer.weight:
                    found.append(torch.stack([place, own // width, own % width]))
                else:
                    found.append(torch.stack([place, own, torch.full_like(own, width)]))
        joined = torch.cat(found, 1) if found else mask.new_zeros((3, 0))
        place, output, source = joined[:, joined[1].argsort(stable=True)]
        return place, output, source

    place, group, source = entries(head.last)
    directions = torch.eye(C, dtype=torch.float64, device=mask.device)
    unit = hidden_source = mask.new_zeros(0)
    if head.hidden is not None:
        hidden_place, unit, hidden_source = entries(head.hidden)
        units, own_group = torch.unique(unit, return_inverse=True)
        directions = torch.cat([directions, head.last.weight.detach().double()[:, units]], 1)
        place, group = torch.cat([place, hidden_place]), torch.cat([group, C + own_group])
        rows = torch.arange(len(unit), device=mask.device)
        source = torch.cat([source, H + 1 + rows])
    return Groups(directions, group, source, place, H + 1), (unit, hidden_source)


def forward(head: Head, images: Tensor, entries: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Return the logits (n, C) and the numbers ψ is made of (·, n)."""
    x = head.prefix(images)
    h = x if head.hidden is None else head.hidden(x).relu()
    ones = h.new_ones((1, len(h)))
    numbers = torch.cat([h.T, ones])
    unit, source = entries
    if len(unit):
        active = (h.T > 0).to(h.dtype)
        numbers = torch.cat([numbers, torch.cat([x.T, ones])[source] * active[unit]])
    logits = head.last(h)
    return logits if head.offset is None else logits + head.offset(images), numbers
