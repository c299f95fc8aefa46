"""How the classes of each likelihood are learnt: labels to targets, and targets to a loss."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from math import nan

import torch
from torch import Tensor
from torch.nn import functional

from fishermask_backend.controls.heads import Likelihood

Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """How the classes of a likelihood are learnt.

    Attributes:
        target: From the classes that an image is labelled with, of all, and those that nobody was
            asked about, to a row of the targets.
        loss: From targets and C to a mean negative log-likelihood, of logits (n, C) and targets.
        plain: That of logits and targets where each label counts the same.
    """

    target: Callable[[Collection[str], Sequence[str], Collection[str]], Tensor]
    loss: Callable[[Tensor, int], Loss]
    plain: Loss


def _one_class(named: Collection[str], classes: Sequence[str], _: Collection[str]) -> Tensor:
    (name,) = named
    return torch.tensor(classes.index(name))


def _each_class(named: Collection[str], classes: Sequence[str], unasked: Collection[str]) -> Tensor:
    return torch.tensor([nan if c in unasked else float(c in named) for c in classes])


def _balanced_cross_entropy(targets: Tensor, num_classes: int) -> Loss:
    """Every class seen has the same total weight, however few its labels are (docs/training.md)."""
    counts = torch.bincount(targets, minlength=num_classes)
    weight = torch.where(counts > 0, len(targets) / counts.clamp_min(1), 0.0)
    return lambda logits, classes: functional.cross_entropy(logits, classes, weight=weight)


def _binary_cross_entropy(targets: Tensor, num_classes: int) -> Loss:
    """Let what nobody was asked (NaN) count nothing, for classes with a known yes and a known no.

    For others it counts as a no: from a yes alone a network would learn that every image has the
    class (docs/training.md).
    """
    if not targets.isnan().any():
        return functional.binary_cross_entropy_with_logits
    learnable = (targets == 1).any(0) & (targets == 0).any(0)

    def known_alone(logits: Tensor, rows: Tensor) -> Tensor:
        weight = 1.0 - (rows.isnan() & learnable).to(logits.dtype)
        each = functional.binary_cross_entropy_with_logits(
            logits, rows.nan_to_num(), weight=weight, reduction="sum"
        )
        return each / weight.sum().clamp_min(1.0)

    return known_alone


def _known_binary_cross_entropy(logits: Tensor, rows: Tensor) -> Tensor:
    """Let each answer count the same; those that nobody was asked for (NaN) count nothing."""
    known = ~rows.isnan()
    return functional.binary_cross_entropy_with_logits(logits[known], rows[known].to(logits.dtype))


OBJECTIVES: dict[Likelihood, Objective] = {
    "categorical": Objective(_one_class, _balanced_cross_entropy, functional.cross_entropy),
    "bernoulli": Objective(_each_class, _binary_cross_entropy, _known_binary_cross_entropy),
}


def as_targets(
    labels: Iterable[Collection[str]],
    classes: Sequence[str],
    likelihood: Likelihood,
    unasked: Iterable[Collection[str]] | None = None,
) -> Tensor:
    """Return what `fit_classifier` learns.

    Args:
        labels: The classes that each image is labelled with.
        classes: All C.
        likelihood: See `fit_classifier`.
        unasked: The classes of each image that nobody was asked about; None: all were asked.

    Returns:
        Classes (L,) int64, or for «bernoulli» 0/1 of each class (L, C), NaN where nobody was asked.
    """
    target = OBJECTIVES[likelihood].target
    nobody: Iterable[Collection[str]] = repeat(()) if unasked is None else unasked
    pairs = zip(labels, nobody, strict=False)
    return torch.stack([target(named, classes, missing) for named, missing in pairs])


@dataclass(frozen=True)
class Taught:
    """What a head is taught of some rows.

    Attributes:
        likelihood: Of its labels.
        num_classes: C.
        known: (L,) bool, the rows that are labelled for it.
        targets: What these are labelled as, by `as_targets`.
    """

    likelihood: Likelihood
    num_classes: int
    known: Tensor
    targets: Tensor

    def to(self, device: torch.device) -> "Taught":
        """Return the same on a device."""
        return replace(self, known=self.known.to(device), targets=self.targets.to(device))

    @property
    def spread(self) -> Tensor:
        """The targets, in the places of their rows; those of other rows mean nothing (L, ...)."""
        every = self.targets.new_zeros((len(self.known), *self.targets.shape[1:]))
        every[self.known] = self.targets
        return every


def joint_loss(taught: Sequence[Taught]) -> Loss:
    """Return the sum of the heads' losses, each a mean over the images that are labelled for it.

    Args:
        taught: Of each head.

    Returns:
        From logits (n, ΣC) and which of the rows they are of (n,) to the loss.
    """
    losses = [OBJECTIVES[head.likelihood].loss(head.targets, head.num_classes) for head in taught]
    spread, sizes = [head.spread for head in taught], [head.num_classes for head in taught]

    def loss(logits: Tensor, batch: Tensor) -> Tensor:
        total = logits.new_zeros(())
        parts = zip(taught, losses, spread, torch.split(logits, sizes, 1), strict=True)
        for head, own, targets, part in parts:
            known = head.known[batch]
            if known.any():
                total = total + own(part[known], targets[batch][known])
        return total

    return loss
