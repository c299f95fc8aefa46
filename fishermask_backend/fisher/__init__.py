"""FisherMask's mathematics: which parameters matter, what images tell about them, which to label.

Four steps, each usable by itself; `docs/fisher.md` derives them.

1. `fisher_diagonal`: how much the model's predictions depend on each trained parameter.
2. `fisher_mask`: the parameters worth looking at.
3. `masked_factors`: per image, a factor of its Fisher matrix over those parameters; or
   `head_factors`, the same of a trained head without forming them.
4. `select_batch`: the images whose labels tell most about the pool; `score_new` for later ones;
   `select_jointly` for several heads at once.

The first three know a network and no selection, the fourth knows factors and no network. Needs
torch and nothing else of this project.
"""

from fishermask_backend.fisher.diagonal import fisher_diagonal
from fishermask_backend.fisher.factors import factors_on_disk, masked_factors
from fishermask_backend.fisher.head import HeadFactors
from fishermask_backend.fisher.head_maker import HeadMaker, head_factors, head_maker
from fishermask_backend.fisher.likelihood import rest_weight
from fishermask_backend.fisher.many_classes import enough_classes
from fishermask_backend.fisher.mask import fisher_mask, largest_entries
from fishermask_backend.fisher.operators import DenseFactors, Factors
from fishermask_backend.fisher.parts import PARTS, Known, Parts, openness
from fishermask_backend.fisher.scoring import PoolScorer, score_new
from fishermask_backend.fisher.selection import (
    JointSelection,
    Selection,
    select_batch,
    select_jointly,
    selection_bytes,
)
from fishermask_backend.fisher.shards import Shards
from fishermask_backend.fisher.structure import find_head

__all__ = [
    "PARTS",
    "DenseFactors",
    "Factors",
    "HeadFactors",
    "HeadMaker",
    "JointSelection",
    "Known",
    "Parts",
    "PoolScorer",
    "Selection",
    "Shards",
    "enough_classes",
    "factors_on_disk",
    "find_head",
    "fisher_diagonal",
    "fisher_mask",
    "head_factors",
    "head_maker",
    "largest_entries",
    "masked_factors",
    "openness",
    "rest_weight",
    "score_new",
    "select_batch",
    "select_jointly",
    "selection_bytes",
]
