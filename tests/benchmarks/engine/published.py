"""The selection as it is published: X A⁻¹ of the whole pool at every pick (BAIT, FisherMask).

In batches of images, as those programs do it, in double precision, as FisherMask does it.
"""

import math

import torch
from torch import Tensor

CHUNK = 500  # images


def published_selection(V: Tensor, labelled: Tensor, K: int, picks: int, ridge: float) -> list[int]:
    """The first `picks` of a batch of K, pick weight «sample»."""
    N, C, d = V.shape
    L = int(labelled.sum())
    X = V.double()
    rows = X.flatten(0, 1)
    pool_fisher = rows.T @ rows / N
    known = X[labelled].flatten(0, 1)
    X *= math.sqrt(1 / (L + K))
    inverse = torch.linalg.inv(
        ridge * torch.eye(d, dtype=torch.float64, device=V.device) + known.T @ known / (L + K)
    )
    eye, open_ = torch.eye(C, dtype=torch.float64, device=V.device), ~labelled
    chosen: list[int] = []
    for _ in range(picks):
        middle = inverse @ pool_fisher @ inverse
        gains = []
        for part in X.split(CHUNK):
            inner = torch.linalg.inv(eye + part @ inverse @ part.mT)
            gains.append(((part @ middle @ part.mT) * inner).sum((1, 2)))
        best = int(torch.cat(gains).masked_fill(~open_, -torch.inf).argmax())
        chosen.append(best)
        open_[best] = False
        x = X[best]
        step = inverse @ x.T
        inverse -= step @ torch.linalg.inv(eye + x @ step) @ step.T
    return chosen
