"""From logits to the vectors whose backward passes give an image's Fisher matrix.

An image's Fisher matrix over the parameters is F = Jᵀ M J, with J = ∂z/∂θ (C, P) and M the Fisher
matrix of its logits z: diag(p) − ppᵀ for a softmax, diag(p(1 − p)) for independent sigmoids. A
*seed* s (C,) is back-propagated from the logits and gives the row sᵀJ; seeds with Σ ssᵀ = M give
rows V with VᵀV = F.
"""

from typing import Literal

import torch
from torch import Tensor

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


def factor_seeds(logits: Tensor, weighting: Weighting, likelihood: Likelihood) -> Tensor:
    """Return one seed per class, whose rows sᵀJ are the factor V_c.

    | | categorical | bernoulli |
    |---|---|---|
    | expected | √p_c (e_c − p): V_c = √p_c ∂ log p_c/∂θ | √(p_c(1 − p_c)) e_c |
    | uniform | e_c − p: V_c = ∂ log p_c/∂θ | e_c |

    Args:
        logits: z (N, C).
        weighting: «expected» gives VᵀV = F; «uniform» leaves the weight out, as FisherMask's
            published code does (arXiv 2411.05752).
        likelihood: «categorical» or «bernoulli».

    Returns:
        Seeds (N, C, C), [n, c] for row c.

    Raises:
        ValueError: An argument is unknown.
    """
    p = probabilities(logits, likelihood)
    eye = torch.eye(p.shape[1], dtype=p.dtype, device=p.device)
    if likelihood == "categorical":
        seeds, weight = eye - p.unsqueeze(1), p
    else:
        seeds, weight = eye.expand(p.shape[0], -1, -1), p * (1 - p)
    if weighting == "uniform":
        return seeds
    if weighting == "expected":
        return weight.sqrt().unsqueeze(2) * seeds
    raise ValueError(f"weighting={weighting!r} is unknown: use 'expected' or 'uniform'.")


def fisher_seeds(logits: Tensor, likelihood: Likelihood) -> Tensor:
    """Return as few seeds as an image's whole Fisher matrix needs.

    A softmax's M has rank C − 1 (adding a constant to all logits changes nothing): its Cholesky
    factor has a closed form without the last column (Tanabe and Sagae, 1992, theorem 1). With
    q_j = 1 − p_1 − … − p_j:  L_jj = √(p_j q_j / q_{j−1}),  L_ij = −L_jj p_i / q_j for i > j.

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
