"""How alike images are, as features: what labels tell before a head has learnt anything.

Of a head that has seen a few dozen labels the gradients say little about the images that it has not
seen. How alike images are in the backbone's features is known from the start, and FISHER_OVER=features
takes the Fisher matrix of a linear layer over

    k(x, x') = cos(x, x')³

in the pool's principal directions, by so many features that their inner products are k (Nyström:
Williams & Seeger 2001). Nothing is known of that layer's weights, so that an image informs alike
whatever its label will be, and one row of factors does for any number of classes. Measured in
docs/fisher.md, 11.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from fishermask_backend.learning.neighbours import principal
from fishermask_backend.learning.networks import Standardise, standardise

SAMPLE = 4096  # images of a larger pool whose principal directions are looked for
LANDMARKS = 1024  # of them, with which images are compared
FEATURES = 512  # parameters of the layer
POWER = 3  # of the cosine: near images count, and only they
LEAST = 1e-6  # of the largest eigenvalue, below which there is nothing but rounding
NOTHING = 1e-12


class Likeness(nn.Module):
    """From standardised features (N, F) to some whose inner products tell how alike images are.

    Attributes:
        directions: (F, D) in which images are compared.
        landmarks: (M, D) images, each of length 1.
        whitening: (M, E) from likeness with each of them to the features.
    """

    directions: Tensor
    landmarks: Tensor
    whitening: Tensor

    def __init__(self, directions: Tensor, landmarks: Tensor, whitening: Tensor) -> None:
        """Compare with these images."""
        super().__init__()
        self.register_buffer("directions", directions)
        self.register_buffer("landmarks", landmarks)
        self.register_buffer("whitening", whitening)

    def forward(self, features: Tensor) -> Tensor:
        """Return φ (N, E), with φᵀφ' about k."""
        units = functional.normalize(features @ self.directions)
        return (units @ self.landmarks.T) ** POWER @ self.whitening


def likeness_network(rows: Tensor, device: torch.device, seed: int) -> nn.Module:
    """Return a layer over how alike images are, whose one output's gradient is φ.

    Args:
        rows: (N, F) the pool, by a frozen backbone.
        device: Where it is to be.
        seed: Of the draw of images to compare with.

    Returns:
        From rows to (N, 1).
    """
    scale = standardise(rows, tuple(rows.shape[1:])).to(device)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randperm(len(rows), generator=generator)[:SAMPLE]
    with torch.no_grad():
        features = scale(rows[drawn].to(device))
        directions = principal(features, seed)
        landmarks = functional.normalize(features[:LANDMARKS] @ directions)
        alike = (landmarks.double() @ landmarks.double().T) ** POWER
        values, vectors = torch.linalg.eigh(alike)
        # Of images that are all the same, nothing is left: their features are 0.
        some = (values >= LEAST * values[-1]).nonzero().flatten()[-FEATURES:]
        whitening = (vectors[:, some] * values[some].clamp_min(NOTHING).rsqrt()).to(landmarks)
    return _network(scale, Likeness(directions, landmarks, whitening))


def _network(scale: Standardise, likeness: Likeness) -> nn.Module:
    # Factors do not depend on the weights.
    layer = nn.Linear(likeness.whitening.shape[1], 1, bias=False, device="meta")
    layer.weight = nn.Parameter(torch.zeros_like(likeness.whitening[:1]))
    return nn.Sequential(scale, likeness, layer).eval()


def stored_likeness(state: Mapping[str, Tensor]) -> nn.Module:
    """Return the network of that state dict.

    Raises:
        KeyError: A tensor is missing.
    """
    likeness = Likeness(state["1.directions"], state["1.landmarks"], state["1.whitening"])
    return _network(Standardise(state["0.mean"], state["0.std"]), likeness)
