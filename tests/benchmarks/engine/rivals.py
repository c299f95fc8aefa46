"""What a user would pick with instead: scikit-activeml's BADGE and BatchBALD, on the same pool."""

import json
import subprocess
import sys
import time
import warnings
from typing import Any

import numpy as np
import torch
from skactiveml.classifier import SklearnClassifier
from skactiveml.pool import Badge, BatchBALD
from sklearn.linear_model import LogisticRegression

from .measure import in_process, peak_memory
from .pools import clustered_features, trained_head

CLASSES = 10
PATIENCE = 200.0  # seconds


def run(*, quick: bool) -> dict[str, Any]:
    K = 5 if quick else 100
    sizes = [300] if quick else [1000, 10_000]
    return {
        "K": K,
        "rows": [timed(name, n, K) for n in sizes for name in ("badge", "batchbald")],
    }


def timed(name: str, N: int, K: int) -> dict[str, Any]:
    try:
        return in_process("rivals", name, N, K, limit=PATIENCE)
    except subprocess.TimeoutExpired:
        return {"strategy": name, "N": N, "seconds": None, "limit": PATIENCE}


def child(name: str, N: int, K: int) -> dict[str, Any]:
    """Time one strategy on what the head's hidden layer makes of the pool (N, 64)."""
    warnings.filterwarnings("ignore")
    features, labels = clustered_features(N, CLASSES)
    known = torch.randperm(N, generator=torch.Generator().manual_seed(1))[:100]
    model = trained_head(features[known], labels[known], CLASSES)
    with torch.no_grad():
        X = model[:2](features).numpy()
    y = np.full(N, np.nan)
    y[known] = labels[known]
    members = [classifier(strength) for strength in (0.1, 0.3, 1.0, 3.0, 10.0)]
    started = time.perf_counter()
    if name == "badge":
        Badge(random_state=0).query(X, y, members[2], batch_size=K)
    else:
        BatchBALD(random_state=0).query(X, y, members, batch_size=K)
    seconds = time.perf_counter() - started
    return {"strategy": name, "N": N, "K": K, "seconds": seconds, "peak_gb": peak_memory()}


def classifier(strength: float) -> SklearnClassifier:
    logistic = LogisticRegression(max_iter=300, C=strength)
    return SklearnClassifier(logistic, classes=list(range(CLASSES)))


if __name__ == "__main__":
    print(json.dumps(child(sys.argv[1], *map(int, sys.argv[2:]))))
