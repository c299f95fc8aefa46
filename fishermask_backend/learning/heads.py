"""A network of several heads: one for each control, beside each other over the same rows."""

from collections.abc import Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from fishermask_backend.fisher.offset import WithOffset


class Heads(nn.Module):
    """From rows to the logits of all heads, one head's behind the other's.

    No head shares a parameter with another: each has a hidden layer of its own. Of a network trained
    whole, they share its trunk.

    Attributes:
        body: What comes before the heads.
        heads: From what `body` gives to the logits (N, C) of each.
    """

    def __init__(self, body: nn.Module, heads: Sequence[nn.Module]) -> None:
        """Put heads beside each other."""
        super().__init__()
        self.body, self.heads = body, nn.ModuleList(heads)

    def forward(self, rows: Tensor) -> Tensor:
        """Return logits (N, ΣC)."""
        x = self.body(rows)
        return torch.cat([head(x) for head in self.heads], 1)

    @cached_property
    def alone(self) -> list[nn.Module]:
        """Each head as a network of its own, from rows to its logits, of the same parameters."""
        return [nn.Sequential(self.body, head).eval() for head in self.heads]


def each_head(model: nn.Module) -> list[nn.Module]:
    """Return the networks, of one head each, that a network of any number of heads is made of."""
    return model.alone if isinstance(model, Heads) else [model]


def shares_weights(model: nn.Module) -> bool:
    """Say whether a network has several heads with trained weights before them, which all share."""
    return isinstance(model, Heads) and any(p.requires_grad for p in model.body.parameters())


def parts_of(model: nn.Module) -> tuple[nn.Module, list[nn.Module]]:
    """Return what scales the rows of a network over a frozen backbone, and its heads."""
    if isinstance(model, Heads):
        return model.body, [*model.heads]
    scale, *head = model.children()
    return scale, [nn.Sequential(*head)]


def with_offsets(model: nn.Module, offsets: Sequence[nn.Module]) -> nn.Module:
    """Return a network over a frozen backbone with an offset for each of its heads."""
    scale, heads = parts_of(model)
    moved = [WithOffset(head, offset) for head, offset in zip(heads, offsets, strict=True)]
    if isinstance(model, Heads):
        return Heads(scale, moved).eval()
    return nn.Sequential(scale, *moved).eval()
