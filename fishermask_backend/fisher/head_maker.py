"""Making the factors of a trained head, `head.py`'s, for as many images and as often as wanted."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fishermask_backend.fisher.chunks import for_each_chunk
from fishermask_backend.fisher.factors import masked_factors
from fishermask_backend.fisher.groups import Groups
from fishermask_backend.fisher.head import HeadFactors
from fishermask_backend.fisher.likelihood import (
    Likelihood,
    Weighting,
    factor_vectors,
    label_model,
)
from fishermask_backend.fisher.operators import PASS_BYTES
from fishermask_backend.fisher.recording import differentiable, trained_parameters
from fishermask_backend.fisher.structure import Head, find_head, forward, grouped

IMAGES = 1024  # passed through the network at a time
CHECKED = 3  # images whose rows are compared with those of `masked_factors`
TOLERANCE = 1e-3  # of the largest entry, in that comparison: it is of structure, not of rounding


@dataclass(frozen=True)
class HeadMaker:
    """Makes the factors of one network's head under one mask; `head_maker` makes it.

    Attributes:
        model: The network, whose weights stay as they are.
        head: Its end.
        groups: How the mask's entries are grouped.
        entries: Unit and input of each masked entry of the hidden layer.
        weighting: See `masked_factors`.
        likelihood: See `masked_factors`.
        top_classes: See `masked_factors`.
    """

    model: nn.Module
    head: Head
    groups: Groups
    entries: tuple[Tensor, Tensor]
    weighting: Weighting
    likelihood: Likelihood
    top_classes: int | None

    @property
    def rows(self) -> int:
        """R, rows of an image's factor."""
        C = self.head.last.out_features
        return min(self.top_classes or C, C)

    @property
    def image_bytes(self) -> int:
        """`HeadFactors.image_bytes`."""
        return self.head.image_bytes(self.rows)

    def __call__(self, images: Tensor) -> HeadFactors:
        """Return the factors of images (N, ...), which may lie elsewhere than the network."""
        head, N, weight = self.head, len(images), self.head.last.weight
        numbers = self.groups.shared + len(self.entries[0])
        inputs = torch.empty((numbers, N), dtype=weight.dtype, device=weight.device)
        R, C = self.rows, head.last.out_features
        seeds = torch.empty((N, R, C), dtype=torch.float64, device=weight.device)

        def compute(start: int, stop: int) -> None:
            logits, own = forward(head, images[start:stop].to(weight.device), self.entries)
            inputs[:, start:stop] = own
            seeds[start:stop] = factor_vectors(
                logits.double(),
                label_model(self.likelihood),
                weighting=self.weighting,
                top_classes=self.top_classes,
            )

        with differentiable(self.model), torch.no_grad():
            for_each_chunk(N, max(1, min(IMAGES, PASS_BYTES // (8 * R * C))), compute)
        return HeadFactors(seeds, inputs, self.groups)


def head_maker(
    model: nn.Module,
    images: Tensor,
    mask: Tensor,
    *,
    weighting: Weighting = "expected",
    likelihood: Likelihood = "categorical",
    top_classes: int | None = None,
) -> HeadMaker | None:
    """Return what makes a network's factors by its head's structure; None where there is none.

    The rows of a few images are compared with those of `masked_factors`.

    Args:
        model: Gives logits (N, C); run in eval mode and left as it was found.
        images: (N, ...), whatever the model takes, N ≥ 1; on any device. Three of them are looked at.
        mask: Flat parameter indices (d,), as `fisher_mask` gives them.
        weighting: See `masked_factors`.
        likelihood: See `masked_factors`.
        top_classes: See `masked_factors`.
    """
    head = find_head(model, mask)
    if head is None or not len(images):
        return None
    device = head.last.weight.device
    few = images[torch.unique(torch.linspace(0, len(images) - 1, min(CHECKED, len(images))).long())]
    few = few.to(device)
    with differentiable(model), torch.no_grad():
        if head.prefix(few[:1]).ndim != 2:
            return None
    groups, entries = grouped(head, mask.to(device), trained_parameters(model))
    maker = HeadMaker(model, head, groups, entries, weighting, likelihood, top_classes)
    rows = masked_factors(
        model, few, mask, weighting=weighting, likelihood=likelihood, top_classes=top_classes
    )
    # One at a time: images that depend on each other come out otherwise.
    made = torch.cat([maker(image).rows(torch.arange(1)) for image in few.unsqueeze(1)])
    error = (made - rows.double()).abs().max() if rows.numel() else torch.zeros(())
    return maker if error <= TOLERANCE * rows.abs().max().clamp_min(1e-30) else None


def head_factors(
    model: nn.Module,
    images: Tensor,
    mask: Tensor,
    *,
    weighting: Weighting = "expected",
    likelihood: Likelihood = "categorical",
    top_classes: int | None = None,
) -> HeadFactors | None:
    """Return what `masked_factors` returns, by the head's structure; None where there is none.

    Args:
        model: See `head_maker`.
        images: (N, ...), N ≥ 1.
        mask: See `head_maker`.
        weighting: See `masked_factors`.
        likelihood: See `masked_factors`.
        top_classes: See `masked_factors`.

    Returns:
        The factors, on the model's device, or None.
    """
    maker = head_maker(
        model, images, mask, weighting=weighting, likelihood=likelihood, top_classes=top_classes
    )
    return maker(images) if maker is not None else None
