"""Which images are labelled from, and which are tested on: each seed has a cut of its own."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]

HELD_OUT = 5  # of so many images of a class one is held out
RARE = 10  # in an imbalanced pool rare classes keep one of so many


@dataclass(frozen=True)
class Split:
    """A cut of N images.

    Attributes:
        pool: Those that are labelled from, in random order.
        test: Those held out.
    """

    pool: Indices
    test: Indices


def draw(count: int, pool: int) -> Indices:
    """Return which of `count` images a simulation is of: a pool and what is held out, at random.

    The first of a shuffle: a larger pool has all images of a smaller one.
    """
    size = min(count, math.ceil(pool * HELD_OUT / (HELD_OUT - 1)))
    return np.sort(np.random.default_rng(0).permutation(count)[:size])


def split(labels: Indices, seed: int, *, imbalanced: bool) -> Split:
    """Cut images into pool and held-out part, a fifth of each class (one at least, of two or more).

    Args:
        labels: (N,) class indices.
        seed: Of the cut, and of which classes are rare.
        imbalanced: Half of the classes keep a tenth of their images in the pool, one at least.
    """
    random = np.random.default_rng([1, seed])
    pool, test = [], []
    for label in np.unique(labels):
        members = random.permutation(np.flatnonzero(labels == label))
        held = max(1, round(len(members) / HELD_OUT)) if len(members) > 1 else 0
        test.append(members[:held])
        pool.append(members[held:])
    if imbalanced:
        for i in random.permutation(len(pool))[: len(pool) // 2]:
            pool[i] = pool[i][: max(1, round(len(pool[i]) / RARE))]
    return Split(random.permutation(np.concatenate(pool)), np.sort(np.concatenate(test)))
