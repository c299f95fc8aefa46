"""The order of images before two classes are labelled: typical ones of many kinds first.

With no label at all, FisherMask has nothing to measure: a step on an untrained head picks
outliers. The idea is TypiClust's (Hacohen et al. 2022, arXiv 2202.02794): cluster, and show of
every cluster an image that is typical of it.
"""

import warnings

import numpy as np
import torch
from sklearn.cluster import KMeans
from sklearn.exceptions import ConvergenceWarning
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]
from torch import Tensor
from torch.nn import functional

FIT_ROWS = 10_000  # k-means sees a seeded sample of this many images; all are assigned to clusters
THUMBNAIL = 8  # pixels square, what stands for features where pixels are all there is


def cold_start_features(rows: Tensor) -> Tensor:
    """What images are compared by, (N, F) float32.

    Feature rows are taken as they are. Pixels (N, 3, S, S) are averaged down to 8×8, and the pool's
    mean is taken off, so that directions and not brightness tell images apart.
    """
    if rows.ndim == 2:
        return rows.float()
    chunks = (rows[i : i + 1024].float() for i in range(0, len(rows), 1024))
    small = torch.cat(
        [functional.adaptive_avg_pool2d(chunk, THUMBNAIL).flatten(1) for chunk in chunks]
    )
    return small - small.mean(0)


def cluster_typical(features: Tensor, count: int, *, seed: int) -> Tensor:
    """Typical images of `count` clusters (design decision: docs/training.md).

    k-means with k = count over the L2-normalised features; of each cluster the image nearest its
    centre, the largest cluster first. Past 10,000 images the centres come from a seeded sample.
    Fewer different images than `count` give fewer clusters; `typical_order` fills up then. Images
    whose features are not finite come last of all.

    Args:
        features: (N, F).
        count: How many images are wanted.
        seed: Of sample and first centres.

    Returns:
        min(count, N) different indices, int64.
    """
    unit, finite = _unit(features)
    usable = finite.nonzero().flatten()
    count = min(count, len(features))
    if count <= 0 or not len(usable):
        return torch.arange(max(count, 0))
    centres = _centres(unit[usable], min(count, len(usable)), seed)
    distance, cluster = _nearest(unit[usable], centres)
    sizes = torch.bincount(cluster, minlength=len(centres))
    order = torch.argsort(sizes, descending=True, stable=True)
    typical = [
        members[distance[members].argmin()]
        for members in ((cluster == c).nonzero().flatten() for c in order)
        if len(members)
    ]
    chosen = usable[torch.stack(typical)]
    return typical_order(features, chosen)[:count]


def typical_order(features: Tensor, first: Tensor) -> Tensor:
    """Every image's place: `first`, then the others, in turn from around each of the first.

    Each image belongs to the nearest of `first`; the nearest of every group come before the second
    nearest of any, groups in the order of `first`. Costs N·len(first)·F.

    Args:
        features: (N, F).
        first: Indices that lead, such as `cluster_typical`'s.

    Returns:
        A permutation of N, int64.
    """
    unit, finite = _unit(features)
    if not len(first):
        return torch.arange(len(features))
    distance, group = _nearest(unit, unit[first])
    distance[~finite] = torch.inf
    distance[first] = -1.0
    group[first] = torch.arange(len(first))
    by_distance = torch.argsort(distance, stable=True)
    by_group = by_distance[torch.argsort(group[by_distance], stable=True)]
    starts = torch.bincount(group, minlength=len(first)).cumsum(0).roll(1)
    starts[0] = 0
    rank = torch.empty_like(group)
    rank[by_group] = torch.arange(len(group)) - starts[group[by_group]]
    rank[~finite & (distance > 0)] = len(group)  # behind every image that can be compared
    return torch.argsort(rank * len(first) + group, stable=True)


def _unit(features: Tensor) -> tuple[Tensor, Tensor]:
    """Rows of length 1 (zero rows stay zero, non-finite ones become zero), and which are finite."""
    finite = features.isfinite().all(1)
    return functional.normalize(torch.where(finite[:, None], features, 0.0).float(), dim=1), finite


def _centres(unit: Tensor, count: int, seed: int) -> Tensor:
    sample = unit.numpy()
    if len(sample) > FIT_ROWS:
        chosen = np.random.default_rng(seed).choice(len(sample), FIT_ROWS, replace=False)
        sample = sample[np.sort(chosen)]
    # One thread: several add up in any order, and the same pool would give different pictures.
    with threadpool_limits(1, user_api="openmp"), warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # fewer different images than clusters
        means = KMeans(min(count, len(sample)), n_init=1, random_state=seed).fit(sample)
    return torch.from_numpy(means.cluster_centers_).to(unit.dtype)


def _nearest(unit: Tensor, centres: Tensor) -> tuple[Tensor, Tensor]:
    """Distance to, and index of, the nearest centre of every row (N,)."""
    chunks = [torch.cdist(unit[i : i + 4096], centres).min(1) for i in range(0, len(unit), 4096)]
    return torch.cat([c.values for c in chunks]), torch.cat([c.indices for c in chunks])
