"""`score_new` for tasks that arrive after the round."""

from typing import Any

from fishermask_backend.fisher import PoolScorer, score_new, select_batch

from .measure import interleaved, spread
from .pools import pool

CLASSES = 10


def run(*, quick: bool) -> dict[str, Any]:
    V, known = pool(300 if quick else 2000, CLASSES, 700 if quick else 1650)
    scorer = select_batch(V, known, 5 if quick else 40, ridge=0.1, pick_weight="sample").scorer
    tensors = scorer.to_tensors()
    works = {
        "one task": lambda: score_new(scorer, V[:1]),
        "100 tasks": lambda: score_new(scorer, V[:100]),
        "reading the state from its tensors": lambda: PoolScorer.from_tensors(tensors),
    }
    times = interleaved(works, 3 if quick else 20)
    size = sum(tensor.nbytes for tensor in tensors.values())
    return {
        "d": V.shape[2],
        "state_mb": size / 1e6,
        "times": {name: spread(taken) for name, taken in times.items()},
    }
