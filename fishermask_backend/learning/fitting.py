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
    rows, dim = _largest(trained, settings)
    tried = [(trained, settings)]
    if not settings.top_classes:
        tried += [(_with_classes(trained, top), settings) for top in CLASSES if top < rows]
    if "max_dim" not in settings.model_fields_set and settings.max_dim_rule == "value":
        last = tried[-1][0]
        tried += [(last, settings.model_copy(update={"max_dim": d})) for d in DIMS if d < dim]
    found, chosen = next((each for each in tried if _fits(*each, least)), tried[-1])
    if (found, chosen) == (trained, settings):
        return trained, settings, []
    rows_now, dim_now = _largest(found, chosen)
    note = (
        f"Memory does not hold {least} labelled and queued images with {rows} classes of each and "
        f"{dim} masked parameters (TOP_CLASSES, MAX_DIM): in this round they are {rows_now} and "
        f"{dim_now}."
    )
    return found, chosen, [note + (" (The most of any control.)" if trained.parts else "")]


def _with_classes(trained: Trained, top: int) -> Trained:
    """Return the same with so many classes of each head that count, where there are more."""
    recipes = [
        replace(head.recipe, top_classes=top)
        if top < head.recipe.shape(head.num_classes, 0)[0]
        else head.recipe
        for head in trained.heads
    ]
    return trained.with_recipes(recipes)


def _fits(trained: Trained, settings: Settings, images: int) -> bool:
    masks = [_stand_in(head, settings) for head in trained.heads]
    made = [
        (mask, head.recipe.head(head.measured, head.rows[:1], mask))
        for head, mask in zip(trained.heads, masks, strict=True)
    ]
    return all(
        memory.fixed * settings.fisher_processes + memory.each * images <= memory.size
        for memory in memories(trained, made, settings, Shards())
    )


def _stand_in(head: Trained, settings: Settings) -> torch.Tensor:
    """Return a mask of the size that a head's will have, before anything is computed."""
    parameters = [p for p in head.measured.parameters() if p.requires_grad]
    alike = torch.ones(sum(p.numel() for p in parameters))
    most = settings.max_dim if settings.max_dim_rule == "value" else 0
    inner, rule = settings.mask_inner, settings.mask_rule
    return fisher_mask(alike, head.measured, inner=inner, rule=rule, max_dim=most or None)


def _largest(trained: Trained, settings: Settings) -> tuple[int, int]:
    """Return the most classes that count of a head, and its most masked parameters."""
    shapes = [
        head.recipe.shape(head.num_classes, len(_stand_in(head, settings)))
        for head in trained.heads
    ]
    return max(rows for rows, _ in shapes), max(dim for _, dim in shapes)
