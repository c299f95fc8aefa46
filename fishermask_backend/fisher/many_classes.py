"""How many classes of an image are enough, where there are too many to look at all."""

from torch import Tensor

from fishermask_backend.fisher.likelihood import Likelihood, rest_weight

ALL = 48  # up to so many classes all count
CHOICES = (10, 20, 40)
LEFT_OUT = 0.02  # of an image's weight, in the mean, that may be left out


def enough_classes(p: Tensor, likelihood: Likelihood = "categorical") -> int | None:
    """Return a `top_classes` that leaves little out.

    A selection's memory grows with the square of the rows an image has, and its time with the cube;
    of many classes most have next to no probability.

    Args:
        p: Probabilities (N, C) of the pool.
        likelihood: «categorical» or «bernoulli».

    Returns:
        None, which is all, up to 48 classes; else the least of 10, 20 and 40 that leaves out at most
        2 % of the images' weight in the mean (`rest_weight`), or 40 if none does.
    """
    if p.shape[1] <= ALL:
        return None
    for count in CHOICES:
        if float(rest_weight(p, count, likelihood).mean()) <= LEFT_OUT:
            return count
    return CHOICES[-1]
