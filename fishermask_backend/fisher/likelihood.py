"""From logits to the vectors whose backward passes give an image's Fisher matrix.

An image's Fisher matrix over the parameters is F = Jᵀ M J, with J = ∂z/∂θ (C, P) and M the Fisher
matrix of its logits z. A vector s (C,) that is back-propagated from the logits gives the row sᵀJ;
vectors with Σ ssᵀ = M give rows V with VᵀV = F. What depends on how labels are drawn stands here once,
in one object per likelihood.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor
from torch.nn import functional

Likelihood = Literal["categorical", "bernoulli"]
Weighting = Literal["expected", "uniform"]


class LabelModel(Protocol):
    """How an image's labels are drawn, given its logits z (N, C)."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return p (N, C)."""

    def class_weights(self, p: Tensor) -> Tensor:
        """Return what each class counts in the Fisher matrix (N, C)."""

    def directions(self, p: Tensor, classes: Tensor) -> Tensor:
        """Return, of some classes (N, c), the vectors (N, c, C) that give V without its weight."""

    def fisher_vectors(self, logits: Tensor) -> Tensor:
        """Return as few vectors s (N, R, C) as an image's whole Fisher matrix needs: Σ ssᵀ = M."""


@dataclass(frozen=True)
class Categorical:
    """One label an image, p a softmax: M = diag(p) − ppᵀ."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return p (N, C), each image's of sum 1."""
        return logits.softmax(-1)

    def class_weights(self, p: Tensor) -> Tensor:
        """Return p_c (N, C)."""
        return p

    def directions(self, p: Tensor, classes: Tensor) -> Tensor:
        """Return e_c − p (N, c, C), which gives ∂ log p_c/∂θ."""
        return functional.one_hot(classes, p.shape[1]).to(p.dtype) - p.unsqueeze(1)

    def fisher_vectors(self, logits: Tensor) -> Tensor:
        """Return the columns of M's Cholesky factor L (N, C − 1, C); none if C = 1.

        M has rank C − 1 (adding a constant to all logits changes nothing). L has a closed form
        without the last column (Tanabe and Sagae, J. R. Stat. Soc. B 54, 1992): with
        q_j = 1 − p_1 − … − p_j,  L_jj = √(p_j q_j / q_{j−1}) and L_ij = −L_jj p_i / q_j for i > j.
        """
        p = self.probabilities(logits)
        from_here = p.flip(1).cumsum(1).flip(1)  # q_{j−1}, summed from the far end: no cancellation
        after = from_here[:, 1:]  # q_j
        tiny = torch.finfo(p.dtype).tiny
        pivot = (p[:, :-1] * after / from_here[:, :-1].clamp_min(tiny)).sqrt()
        share = p.unsqueeze(1) / after.clamp_min(tiny).unsqueeze(2)  # p_i / q_j
        columns = torch.diag_embed(torch.ones_like(p))[:, :-1] - share.triu(1)
        return pivot.unsqueeze(2) * columns


@dataclass(frozen=True)
class Bernoulli:
    """Any number of labels an image, p independent sigmoids: M = diag(p(1 − p))."""

    def probabilities(self, logits: Tensor) -> Tensor:
        """Return p (N, C), each entry in [0, 1]."""
        return logits.sigmoid()

    def class_weights(self, p: Tensor) -> Tensor:
        """Return p_c(1 − p_c) (N, C)."""
        return p * (1 - p)

    def directions(self, p: Tensor, classes: Tensor) -> Tensor:
        """Return e_c (N, c, C), which gives ∂z_c/∂θ."""
        return functional.one_hot(classes, p.shape[1]).to(p.dtype)

    def fisher_vectors(self, logits: Tensor) -> Tensor:
        """Return √(p_c(1 − p_c)) e_c (N, C, C)."""
        return torch.diag_embed(self.class_weights(self.probabilities(logits)).sqrt())


CATEGORICAL, BERNOULLI = Categorical(), Bernoulli()
LIKELIHOODS: dict[Likelihood, LabelModel] = {"categorical": CATEGORICAL, "bernoulli": BERNOULLI}


def label_model(likelihood: Likelihood) -> LabelModel:
    """Return the likelihood of that name.

    Raises:
        ValueError: There is none.
    """
    if likelihood not in LIKELIHOODS:
        known = " or ".join(map(repr, LIKELIHOODS))
        raise ValueError(f"likelihood={likelihood!r} is unknown: use {known}.")
    return LIKELIHOODS[likelihood]


def factor_vectors(
    logits: Tensor,
    labels: LabelModel,
    *,
    weighting: Weighting = "expected",
    top_classes: int | None = None,
) -> Tensor:
    """Return one vector s per class, whose rows sᵀJ are the factor V_c.

    | | categorical | bernoulli |
    |---|---|---|
    | expected | √p_c (e_c − p): V_c = √p_c ∂ log p_c/∂θ | √(p_c(1 − p_c)) e_c |
    | uniform | e_c − p: V_c = ∂ log p_c/∂θ | e_c |

    Args:
        logits: z (N, C).
        labels: The likelihood.
        weighting: «expected» gives VᵀV = F; «uniform» leaves the weight out, as FisherMask's
            published code does (arXiv 2411.05752).
        top_classes: Only the rows of each image's c classes of largest weight, in class order
            (arXiv 2404.08981); `rest_weight` tells what is left out.

    Returns:
        Vectors (N, C or c, C), [n, r] for row r.

    Raises:
        ValueError: An argument is unknown or out of range.
    """
    p = labels.probabilities(logits)
    weight = labels.class_weights(p)
    kept = _heaviest(weight, top_classes)
    directions = labels.directions(p, kept)
    if weighting == "uniform":
        return directions
    if weighting == "expected":
        return weight.gather(1, kept).sqrt().unsqueeze(2) * directions
    raise ValueError(f"weighting={weighting!r} is unknown: use 'expected' or 'uniform'.")


def rest_weight(p: Tensor, top_classes: int, likelihood: Likelihood = "categorical") -> Tensor:
    """Return what `top_classes` leaves out of each image's weight.

    Args:
        p: Probabilities (N, C).
        top_classes: c.
        likelihood: «categorical» or «bernoulli».

    Returns:
        (N,): for a softmax the probability of the classes beyond the c most probable, for sigmoids
        their share of Σ p(1 − p).
    """
    weight = label_model(likelihood).class_weights(p)
    total = weight.sum(1)
    kept = weight.gather(1, _heaviest(weight, top_classes)).sum(1)
    return ((total - kept) / total.clamp_min(torch.finfo(p.dtype).tiny)).clamp_min(0)


def _heaviest(weight: Tensor, count: int | None) -> Tensor:
    """Return class indices (N, c) of the largest weights, ascending."""
    if count is not None and count < 1:
        raise ValueError(f"top_classes={count} must be at least 1.")
    if count is None or count >= weight.shape[1]:
        return torch.arange(weight.shape[1], device=weight.device).expand(len(weight), -1)
    order = torch.sort(weight, descending=True, stable=True).indices
    return order[:, :count].sort(1).values
