"""What a round gives up so that labelled images and a queue fit into memory: classes, then parameters.

How many other images are looked at is decided later (`candidates.py`); without these a round would have
to exceed its limit.
"""

from dataclasses import replace

import torch

from fishermask_backend.fisher import Shards, fisher_mask
from fishermask_backend.learning.candidates import memories
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings

CLASSES = (40, 20, 10, 5)
DIMS = (2048, 1024, 512, 256)


def fitted(trained: Trained, settings: Settings) -> tuple[Trained, Settings, list[str]]:
    """Lower what the settings leave open until labelled images and a queue fit, or nothing is left.

    TOP_CLASSES is open where it is 0, MAX_DIM where nobody has set it and nothing is sketched.

    Returns:
        The same with the recipe and the settings of this round, and what was lowered, as a sentence.
    """
    least = int(trained.labelled.sum()) + settings.queue_size
    rows, dim = trained.recipe.shape(trained.num_classes, _mask_size(trained, settings))
    tried = [(trained, settings)]
    if not settings.top_classes:
        fewer = [replace(trained.recipe, top_classes=top) for top in CLASSES if top < rows]
        tried += [(replace(trained, recipe=recipe), settings) for recipe in fewer]
    if "max_dim" not in settings.model_fields_set and settings.max_dim_rule == "value":
        last = tried[-1][0]
        tried += [(last, settings.model_copy(update={"max_dim": d})) for d in DIMS if d < dim]
    found, chosen = next((each for each in tried if _fits(*each, least)), tried[-1])
    if (found, chosen) == (trained, settings):
        return trained, settings, []
    rows_now, dim_now = found.recipe.shape(found.num_classes, _mask_size(found, chosen))
    note = (
        f"Memory does not hold {least} labelled and queued images with {rows} classes of each and "
        f"{dim} masked parameters (TOP_CLASSES, MAX_DIM): in this round they are {rows_now} and "
        f"{dim_now}."
    )
    return found, chosen, [note]


def _fits(trained: Trained, settings: Settings, images: int) -> bool:
    mask = _stand_in(trained, settings)
    head = trained.recipe.head(trained.model, trained.rows[:1], mask)
    return all(
        memory.fixed * settings.fisher_processes + memory.each * images <= memory.size
        for memory in memories(trained, mask, head, settings, Shards())
    )


def _stand_in(trained: Trained, settings: Settings) -> torch.Tensor:
    """Return a mask of the size that the round's will have, before anything is computed."""
    parameters = [p for p in trained.model.parameters() if p.requires_grad]
    alike = torch.ones(sum(p.numel() for p in parameters))
    most = settings.max_dim if settings.max_dim_rule == "value" else 0
    inner, rule = settings.mask_inner, settings.mask_rule
    return fisher_mask(alike, trained.model, inner=inner, rule=rule, max_dim=most or None)


def _mask_size(trained: Trained, settings: Settings) -> int:
    return len(_stand_in(trained, settings))
