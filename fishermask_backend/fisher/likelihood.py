"""From logits to the vectors whose backward passes give an image's Fisher matrix.

An image's Fisher matrix over the parameters is F = Jᵀ M J, with J = ∂z/∂θ (C, P) and M the Fisher
matrix of its logits z: diag(p) − ppᵀ for a softmax, diag(p(1 − p)) for independent sigmoids. A
*seed* s (C,) is back-propagated from the logits and gives the row sᵀJ; seeds with Σ ssᵀ = M give
rows V with VᵀV = F.
"""

from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional

Likelihood = Literal["categorical", "bernoulli"]
Weighting = Literal["expected", "uniform"]


def probabilities(logits: Tensor, likelihood: Likelihood) -> Tensor:
    """Return p (N, C): softmax over classes, or a sigmoid of each.

    Raises:
        ValueError: The likelihood is unknown.
    """
    if likelihood == "categorical":
        return logits.softmax(-1)
    if likelihood == "bernoulli":
        return logits.sigmoid()
    raise ValueError(f"likelihood={likelihood!r} is unknown: use 'categorical' or 'bernoulli'.")


def factor_seeds(
    logits: Tensor,
    *,
    likelihood: Likelihood,
    weighting: Weighting = "expected",
    top_classes: int | None = None,
) -> Tensor:
    """Return one seed per class, whose rows sᵀJ are the factor V_c.

    | | categorical | bernoulli |
    |---|---|---|
    | expected | √p_c (e_c − p): V_c = √p_c ∂ log p_c/∂θ | √(p_c(1 − p_c)) e_c |
    | uniform | e_c − p: V_c = ∂ log p_c/∂θ | e_c |

    Args:
        logits: z (N, C).
        likelihood: «categorical» or «bernoulli».
        weighting: «expected» gives VᵀV = F; «uniform» leaves the weight out, as FisherMask's
            published code does (arXiv 2411.05752).
        top_classes: Only the rows of each image's c classes of largest weight, in class order
            (arXiv 2404.08981); `rest_weight` tells what is left out.

    Returns:
        Seeds (N, C or c, C), [n, r] for row r.

    Raises:
        ValueError: An argument is unknown or out of range.
    """
    p = probabilities(logits, likelihood)
    weight = class_weights(p, likelihood)
    kept = _heaviest(weight, top_classes)
    seeds = functional.one_hot(kept, p.shape[1]).to(p.dtype)
    if likelihood == "categorical":
        seeds = seeds - p.unsqueeze(1)
    if weighting == "uniform":
        return seeds
    if weighting == "expected":
        return weight.gather(1, kept).sqrt().unsqueeze(2) * seeds
    raise ValueError(f"weighting={weighting!r} is unknown: use 'expected' or 'uniform'.")


def class_weights(p: Tensor, likelihood: Likelihood) -> Tensor:
    """Return what each class counts in the Fisher matrix (N, C): p_c, or p_c(1 − p_c)."""
    return p if likelihood == "categorical" else p * (1 - p)


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
    weight = class_weights(p, likelihood)
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


def fisher_seeds(logits: Tensor, likelihood: Likelihood) -> Tensor:
    """Return as few seeds as an image's whole Fisher matrix needs.

    A softmax's M has rank C − 1 (adding a constant to all logits changes nothing). Its Cholesky
    factor has a closed form without the last column (Tanabe and Sagae, J. R. Stat. Soc. B 54,
    1992): with q_j = 1 − p_1 − … − p_j,  L_jj = √(p_j q_j / q_{j−1}) and L_ij = −L_jj p_i / q_j for
    i > j.

    Args:
        logits: z (N, C).
        likelihood: «categorical» or «bernoulli».

    Returns:
        Seeds (N, C − 1, C) for a softmax (none if C = 1), (N, C, C) for sigmoids.
    """
    p = probabilities(logits, likelihood)
    if likelihood == "bernoulli":
        return torch.diag_embed((p * (1 - p)).sqrt())
    from_here = p.flip(1).cumsum(1).flip(1)  # q_{j−1}, summed from the far end: no cancellation
    after = from_here[:, 1:]  # q_j
    tiny = torch.finfo(p.dtype).tiny
    pivot = (p[:, :-1] * after / from_here[:, :-1].clamp_min(tiny)).sqrt()
    share = p.unsqueeze(1) / after.clamp_min(tiny).unsqueeze(2)  # p_i / q_j
    columns = torch.diag_embed(torch.ones_like(p))[:, :-1] - share.triu(1)
    return pivot.unsqueeze(2) * columns
