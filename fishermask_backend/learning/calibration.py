"""How far a head's logits and the pool's evidence can be trusted, as held-out labels tell.

The logits that a head serves are a·(z + r·o): z its own, o the evidence (`neighbours.py`). A head that
has seen a label is sure of it, so a and r are fitted to labels that it has not seen (temperature
scaling: Guo et al., «On calibration of modern neural networks», 2017). Both are held near what is
common, more than a few labels can move them.
"""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize
from torch import Tensor

from fishermask_backend.learning.objectives import Objective

USUAL_SCALE = 0.6
USUAL_STRENGTH = 1.5
SCALE_HELD = 2.0  # as many labels' worth of log-likelihood, for each (log a − log usual)²
STRENGTH_HELD = 5.0  # for each (r − usual)²
SCALES = math.log(0.01), math.log(100)  # between which a's logarithm is looked for
STRENGTHS = 0.0, 20.0  # and r


class Calibration(NamedTuple):
    """What logits and evidence count.

    Attributes:
        scale: a.
        strength: r.
    """

    scale: float = USUAL_SCALE
    strength: float = USUAL_STRENGTH


def calibration(
    logits: Tensor, evidence: Tensor, targets: Tensor, objective: Objective
) -> Calibration:
    """Return what fits held-out labels best.

    Args:
        logits: z (L, C), of each image by a head that has not seen its label.
        evidence: o (L, C), likewise.
        targets: What they are labelled as, by `as_targets`.
        objective: How that is learnt. The strength is fitted to its loss, in which classes count
            alike; the scale to a mean over the labels as they are.
    """
    if not len(logits):
        return Calibration()
    usual, count = math.log(USUAL_SCALE), len(logits)
    alike, plain = objective.loss(targets, logits.shape[1]), objective.plain

    def both(x: Tensor) -> Tensor:
        served = x[0].exp() * (logits + x[1] * evidence)
        held = SCALE_HELD * (x[0] - usual) ** 2 + STRENGTH_HELD * (x[1] - USUAL_STRENGTH) ** 2
        return alike(served, targets) + held / count

    strength = float(_lowest(both, [usual, USUAL_STRENGTH])[1])
    moved = logits + strength * evidence

    def one(x: Tensor) -> Tensor:
        held = SCALE_HELD * (x[0] - usual) ** 2
        return plain(x[0].exp() * moved, targets) + held / count

    return Calibration(math.exp(_lowest(one, [usual])[0]), strength)


def _lowest(function: Callable[[Tensor], Tensor], start: list[float]) -> NDArray[np.float64]:
    """Return where a smooth function of a scale's logarithm, and of a strength, is lowest."""

    def both(at: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        with torch.enable_grad():
            x = torch.tensor(at, dtype=torch.float64, requires_grad=True)
            found = function(x)
            (slope,) = torch.autograd.grad(found, x)
        return float(found.detach()), slope.numpy()

    bounds = [SCALES, STRENGTHS][: len(start)]
    found: NDArray[np.float64] = minimize(both, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return found
