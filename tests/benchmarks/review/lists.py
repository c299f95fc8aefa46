"""Lists of labels to review, by the product and by what it is held against."""

import warnings

import numpy as np
from cleanlab.filter import find_label_issues
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray

from fishermask_backend.learning.doubts import doubts
from fishermask_backend.learning.estimate import Judged
from tests.benchmarks.review.courses import Labels

OURS, PLAIN, RANDOM = "as listed", "least probable", "random"
MARGIN, FILTER = "normalized margin", "cleanlab's own choice"
NAMES = (OURS, PLAIN, MARGIN, FILTER, RANDOM)

Places = NDArray[np.int64]


def lists(labels: Labels, seed: int) -> dict[str, Places]:
    """Return, of each way to choose, which labels it lists, the worst first."""
    everyone = np.arange(len(labels.given))
    classes = [str(c) for c in range(labels.probs.shape[1])]
    named = [frozenset([classes[c]]) for c in labels.given]
    judged = Judged(classes, "categorical", named, labels.probs)
    given = labels.given, labels.probs
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes without a label
        by_margin = get_label_quality_scores(*given, method="normalized_margin")
        chosen = find_label_issues(*given, return_indices_ranked_by="self_confidence", n_jobs=1)
    return {
        OURS: np.array([d.place for d in doubts(judged)], dtype=int),
        PLAIN: labels.probs[everyone, labels.given].argsort(),
        MARGIN: by_margin.argsort(),
        FILTER: chosen,
        RANDOM: np.random.default_rng(seed).permutation(everyone),
    }


def precision(labels: Labels, listed: Places, looked_at: int) -> float:
    """Return how many of so many looks meet a wrong label; a list that is shorter meets no more."""
    return float(labels.wrong[listed[:looked_at]].sum() / looked_at)
