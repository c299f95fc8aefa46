"""The order of images before two classes are labelled: the pool in a few pictures.

With no label at all, FisherMask has nothing to measure: a step on an untrained head picks outliers.
So each pick is the image that best stands for those that no earlier pick stands for well. Measured
against k-means clusters and random images in docs/training.md.
"""

import torch
from torch import Tensor
from torch.nn import functional

from fishermask_backend.learning.ordering import Order, evenly_spaced
from fishermask_backend.settings import Settings

SAMPLE = 4000  # images of a larger pool that are looked at; their distances fill 64 MB
FURTHEST = 2.0  # between vectors of length 1
THUMBNAIL = 8  # pixels square, what stands for features where pixels are all there is


def cold_start_features(rows: Tensor) -> Tensor:
    """Return what images are compared by, (N, F) float32.

    Feature rows are taken as they are. Pixels (N, 3, S, S) are averaged down to 8×8, and the pool's
    mean is taken off, so that directions and not brightness tell images apart.
    """
    if rows.ndim == 2:
        return rows.float()
    chunks = (rows[i : i + 1024].float() for i in range(0, len(rows), 1024))
    small = [functional.adaptive_avg_pool2d(chunk, THUMBNAIL).flatten(1) for chunk in chunks]
    features = torch.cat(small) if small else rows.new_zeros((0, 3 * THUMBNAIL**2)).float()
    return features - features.mean(0)


def representatives(features: Tensor, count: int, *, seed: int) -> Tensor:
    """Return images that together represent the pool, the most telling first (facility location).

    Greedy k-medoids over L2-normalised features x: after the picks S, the next one is

        argmax_j Σ_i max(0, min_{s ∈ S} ‖x_i − x_s‖ − ‖x_i − x_j‖),

    within (1 − 1/e) of the best sum for every prefix (Nemhauser et al. 1978), so that the order is
    good wherever labelling stops. A pool above 4,000 images is represented by a seeded sample.

    Args:
        features: (N, F). Images whose features are not finite come last.
        count: How many images are wanted.
        seed: Of the sample.

    Returns:
        min(count, N) different indices, int64; of equals the lower index first. Past 4,000 they
        are random.
    """
    count = max(0, min(count, len(features)))
    usable = features.isfinite().all(1).nonzero().flatten()
    if len(usable) > SAMPLE:
        generator = torch.Generator().manual_seed(seed)
        usable = usable[torch.randperm(len(usable), generator=generator)[:SAMPLE].sort().values]
    picks = usable[_medoids(features[usable].float(), min(count, len(usable)))]
    return typical_order(features, picks, seed=seed)[:count]


def first_order(rows: Tensor, servable: Tensor, settings: Settings) -> Order:
    """Order a pool of which nothing is learnt yet.

    Args:
        rows: (N, ...) the pool.
        servable: (N,) bool, images that Label Studio would still serve.
        settings: The queue's size, and the seed.
    """
    features = cold_start_features(rows[servable])
    first = representatives(features, settings.queue_size, seed=settings.seed)
    ranking = servable.nonzero().flatten()[typical_order(features, first)]
    scores = evenly_spaced(ranking, len(rows), settings.queue_size)
    return Order(scores, torch.zeros_like(scores))


def typical_order(features: Tensor, first: Tensor, *, seed: int = 0) -> Tensor:
    """Every image's place: `first`, then the others at random, those without features last.

    Random, so that they too stand for the pool; by distance to `first` they would be near-duplicates
    of it, or outliers.

    Args:
        features: (N, F).
        first: Indices that lead, such as `representatives`'s.
        seed: Of the order of the others.

    Returns:
        A permutation of N, int64.
    """
    place = torch.rand(len(features), generator=torch.Generator().manual_seed(seed))
    place[~features.isfinite().all(1)] += 1.0
    place[first] = torch.arange(-len(first), 0, dtype=place.dtype)
    return torch.argsort(place, stable=True)


def _medoids(features: Tensor, count: int) -> Tensor:
    """Return the greedy picks among all of `features` (M, F), (count,)."""
    unit = functional.normalize(features, dim=1)  # rows of zeros stay zeros
    distance = torch.cdist(unit, unit)
    nearest = torch.full((len(unit), 1), FURTHEST)
    gains = torch.empty_like(distance)
    picks = torch.empty(count, dtype=torch.long)
    for k in range(count):
        torch.sub(nearest, distance, out=gains).clamp_min_(0)
        total = gains.sum(0)
        total[picks[:k]] = -1.0
        picks[k] = total.argmax()
        torch.minimum(nearest, distance[:, picks[k], None], out=nearest)
    return picks
