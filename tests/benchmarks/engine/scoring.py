"""`score_new` for tasks that arrive after the round."""

from typing import Any

import torch

from fishermask_backend.fisher import PoolScorer, score_new, select_batch

from .heads import RIDGE, factors, problem
from .measure import interleaved, spread
from .pools import pool

CLASSES = 10


def run(*, quick: bool) -> dict[str, Any]:
    """By formed factors, and of a head by its structure, as the backend scores tasks one by one."""
    size, picks = (300, 5) if quick else (2000, 40)
    V, known = pool(size, CLASSES, 700 if quick else 1650)
    scorer = select_batch(V, known, picks, ridge=RIDGE, pick_weight="sample").scorer
    tensors = scorer.to_tensors()
    model, inputs, mask, labelled, _ = problem(size, CLASSES, None)
    head = factors("structure", model, inputs, mask, None)
    own = select_batch(head, labelled, picks, ridge=RIDGE, pick_weight="sample").scorer
    one = head[torch.tensor([0])]
    row = interleaved({"one task of a head, one after the other": lambda: score_new(own, one)}, 40)
    works = {
        "one task of a head, after work that leaves nothing in a cache": lambda: score_new(
            own, one
        ),
        "one task, formed": lambda: score_new(scorer, V[:1]),
        "100 tasks, formed": lambda: score_new(scorer, V[:100]),
        "reading the state from its tensors": lambda: PoolScorer.from_tensors(tensors),
    }
    times = row | interleaved(works, 3 if quick else 20)
    nbytes = sum(tensor.nbytes for tensor in tensors.values())
    return {
        "d": V.shape[2],
        "state_mb": nbytes / 1e6,
        "times": {name: spread(taken) for name, taken in times.items()},
    }
