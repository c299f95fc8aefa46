"""What the unlabelled pool tells of a label: it holds for what lies near (label spreading).

Labels flow along a graph of near images (Zhou et al., «Learning with local and global consistency»,
2004), and what reaches the neighbours of an image is evidence of its class. It is taken as an offset of
the logits, in which no trained parameter is. Measured in docs/training.md.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

DIRECTIONS = 128  # principal ones of the features, in which images are compared
NEAREST = 10
SHARPNESS = 3  # a neighbour's weight is its cosine to this power
FLOWING = 0.7  # part of an image's evidence that comes from its neighbours
STEPS = 25  # 0.7 ** 25 is nothing
DOUBT = 0.05  # part of the evidence that is spread over all classes
AT_ONCE = 1024  # images


class Neighbours(nn.Module):
    """From standardised features (N, F) to an offset of the logits (N, C), by the nearest of M images.

    Attributes:
        directions: (F, D) in which images are compared.
        reference: (M, D) images, each of length 1.
        mass: (M, S, C) what has reached them: of each class (S = 1), or against and for each (S = 2).
        strength: () how much of the evidence counts.
    """

    directions: Tensor
    reference: Tensor
    mass: Tensor
    strength: Tensor

    def __init__(
        self, directions: Tensor, reference: Tensor, mass: Tensor, strength: float
    ) -> None:
        """Look things up in a pool of which this is known."""
        super().__init__()
        self.register_buffer("directions", directions)
        self.register_buffer("reference", reference)
        self.register_buffer("mass", mass)
        self.register_buffer("strength", torch.tensor(float(strength)))

    @torch.no_grad()
    def forward(self, features: Tensor) -> Tensor:
        """Return the offset."""
        return torch.cat([self._offset(part) for part in torch.split(features, AT_ONCE)])

    def _offset(self, features: Tensor) -> Tensor:
        units = functional.normalize(features @ self.directions)
        cosines, near = (units @ self.reference.T).topk(min(NEAREST, len(self.reference)))
        weights = cosines.clamp_min(0) ** SHARPNESS
        mass = torch.einsum("nk,nksc->nsc", weights, self.mass[near])
        return self.strength * evidence(mass)


class Graph:
    """Images, each joined with those nearest to it.

    Attributes:
        directions: (F, D), see `Neighbours`.
        units: (M, D) the images in them, each of length 1.
    """

    def __init__(self, features: Tensor, seed: int) -> None:
        """Join images.

        Args:
            features: (M, F), standardised.
            seed: Of the search for the principal directions.
        """
        self.directions = principal(features, seed)
        self.units = functional.normalize(features @ self.directions)
        M = len(features)
        near, weights = [], []
        for start in range(0, M, AT_ONCE):
            cosines = self.units[start : start + AT_ONCE] @ self.units.T
            own = torch.arange(len(cosines), device=cosines.device)
            cosines[own, start + own] = -torch.inf
            found = cosines.topk(min(NEAREST, M - 1))
            near.append(found.indices)
            weights.append(found.values.clamp_min(0) ** SHARPNESS)
        # Both ways: an image that is nobody's neighbour still is heard by its own.
        one = torch.arange(M, device=features.device).repeat_interleave(min(NEAREST, M - 1))
        other, weight = torch.cat(near).flatten(), torch.cat(weights).flatten()
        row, column, weight = torch.cat([one, other]), torch.cat([other, one]), weight.repeat(2)
        degree = weight.new_zeros(M).index_add_(0, row, weight)
        order = row.argsort(stable=True)
        self._column = column[order]
        self._weight = (weight / degree[row].clamp_min(1e-12))[order]
        ends = torch.bincount(row, minlength=M).cumsum(0)
        self._start = torch.cat([ends.new_zeros(1), ends[:-1]])

    def spread(self, seeds: Tensor) -> Tensor:
        """Return what reaches each image, as `Neighbours.mass` (M, S, C).

        Args:
            seeds: (M, S, C) what each says by itself; not labelled images say nothing.
        """
        own = seeds.flatten(1)
        mass = own
        for _ in range(STEPS):
            mass = FLOWING * self._heard(mass) + (1 - FLOWING) * own
        return mass.view_as(seeds)

    def heard(self, mass: Tensor) -> Tensor:
        """Return what each image hears from its neighbours alone (M, S, C)."""
        return self._heard(mass.flatten(1)).view_as(mass)

    def _heard(self, mass: Tensor) -> Tensor:
        return functional.embedding_bag(
            self._column, mass, self._start, mode="sum", per_sample_weights=self._weight
        )


def seeds_of(targets: Tensor, num_classes: int) -> Tensor:
    """Return what labels say (L, S, C): every class the same in all, however few its labels are.

    Args:
        targets: Classes (L,), or 0/1 of each class (L, C), NaN where nobody was asked.
        num_classes: C.
    """
    if targets.ndim == 1:
        named = functional.one_hot(targets, num_classes).float().unsqueeze(1)
    else:
        named = torch.stack([(targets == 0).float(), (targets == 1).float()], 1)
    return named / named.sum(0).clamp_min(1.0)


def stored_offsets(state: Mapping[str, Tensor]) -> list[Neighbours]:
    """Return the offsets of a network's heads, in their order, whose tensors are in its state dict."""
    places = sorted(
        {name.removesuffix("directions") for name in state if name.endswith("offset.directions")},
        key=lambda place: [int(part) for part in place.split(".") if part.isdigit()],
    )
    return [
        Neighbours(state[f"{at}directions"], state[f"{at}reference"], state[f"{at}mass"], 0.0)
        for at in places
    ]


def evidence(mass: Tensor) -> Tensor:
    """Return log-probabilities of the classes, or log-odds of each (N, C), of masses (N, S, C)."""
    if mass.shape[1] == 1:
        of, mass = mass.shape[2], mass[:, 0]
        total = mass.sum(1, keepdim=True)
        return (_of(mass, total, 1 / of) * (1 - DOUBT) + DOUBT / of).log()
    share = _of(mass[:, 1], mass.sum(1), 0.5) * (1 - DOUBT) + DOUBT / 2
    return share.logit()


def _of(part: Tensor, whole: Tensor, otherwise: float) -> Tensor:
    """Return what part of the whole it is; where there is nothing, `otherwise`."""
    return torch.where(whole > 0, part / whole.clamp_min(1e-30), otherwise)


def principal(features: Tensor, seed: int) -> Tensor:
    """Return the directions (F, D) along which the features differ most."""
    count = min(DIRECTIONS, *features.shape)
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        directions: Tensor = torch.svd_lowrank(features.cpu(), q=count, niter=1)[2]
    return directions.to(features.device)
