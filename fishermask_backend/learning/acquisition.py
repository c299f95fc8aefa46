"""FisherMask over a pool of rows: mask, factors, selection; by one process or shared out among many."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from fishermask_backend.fisher import (
    Factors,
    HeadMaker,
    JointSelection,
    Known,
    Parts,
    Shards,
    enough_classes,
    fisher_mask,
    largest_entries,
    openness,
    rest_weight,
    select_jointly,
)
from fishermask_backend.learning.candidates import within_memory
from fishermask_backend.learning.heads import shares_weights
from fishermask_backend.learning.ordering import Lap
from fishermask_backend.learning.storage import STORAGES
from fishermask_backend.learning.target import TARGETS
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings

SHARED = "Each control's gain is measured as if the network's trunk, which all share, were its own."

Ranking = Callable[[Trained, Shards], Tensor]  # what a mask's entries are chosen by (P,)


@dataclass(frozen=True)
class Acquisition:
    """What FisherMask says about a pool, on the CPU but for the selection's scorer.

    Attributes:
        masks: (d,) the parameters looked at, of each head.
        chosen: (M,) pool indices of the images looked at, ascending.
        selection: Over those images.
        notes: What was approximated, as sentences for the status.
    """

    masks: tuple[Tensor, ...]
    chosen: Tensor
    selection: JointSelection
    notes: list[str]


def acquire(
    trained: Trained,
    settings: Settings,
    *,
    shards: Shards | None = None,
    lap: Lap = lambda stage: None,
    ranking: Ranking | None = None,
) -> Acquisition:
    """Pick the next queue.

    Args:
        trained: The network and its pool.
        settings: The mask, queue size, ridge, pick weight, seed, and the limits of memory and pool.
        shards: The processes that share the work, each with the same arguments; None: this one alone.
        lap: Called with the name of each stage that is done.
        ranking: What the mask's entries are chosen by; None: the Fisher diagonal.

    Returns:
        The same for every process.
    """
    shards = shards or Shards()
    heads = trained.heads
    masks, about_masks = [], list[str]()
    for head in heads:
        diagonal = (ranking or pool_diagonal)(head, shards)
        mask, notes = choose_mask(head, diagonal, settings)
        masks.append(mask)
        about_masks += notes
    lap("mask")
    made = [
        (mask, head.recipe.head(head.measured, head.rows, mask))
        for head, mask in zip(heads, masks, strict=True)
    ]
    chosen, about_memory = within_memory(trained, made, settings, shards)
    own = chosen[shards.part(len(chosen))]
    factors = [
        pool_factors(head, own, *each, settings) for head, each in zip(heads, made, strict=True)
    ]
    selection = select_jointly(
        factors,
        [head.labelled[own].to(trained.device) for head in heads],
        settings.queue_size,
        ridge=settings.ridge,
        pick_weight=settings.pick_weight,
        pool_limit=settings.pool_limit or None,
        seed=settings.seed,
        shards=shards,
        targets=_targets(heads, own, settings),
        known=_known(heads, own, settings),
        on_pick=trained.on_pick,
    )
    selection = _whole(selection, len(chosen), shards)
    lap("select")
    about_pool = _about_the_pool(int((~trained.labelled[chosen]).sum()), settings)
    formed = any(maker is None for _, maker in made)
    about_factors = _about_formed_factors(settings) if formed else []
    notes = about_masks + about_memory + about_pool + about_factors
    if shares_weights(trained.model):
        notes.append(SHARED)
    return Acquisition(tuple(mask.cpu() for mask in masks), chosen, selection, notes)


def _targets(heads: Sequence[Trained], own: Tensor, settings: Settings) -> list[Tensor] | None:
    """Return what each of the images `own` counts in what the queue is to inform, for each head."""
    target = TARGETS[settings.target]
    if target is None:
        return None
    of_heads = (target.weights(head.probs, head.recipe.likelihood) for head in heads)
    return [each[own].to(head.device) for each, head in zip(of_heads, heads, strict=True)]


def _known(heads: Sequence[Trained], own: Tensor, settings: Settings) -> list[Known]:
    """Return what explains the gains of the images `own`, for each head."""
    target = TARGETS[settings.target]
    found = []
    for head in heads:
        probs = head.probs.double()
        rare = torch.ones(len(probs)) if target is None else target.rarity(probs)
        apart = head.likeness is not None
        found.append(Known(openness(probs)[own], rare[own], apart))
    return found


def _whole(selection: JointSelection, size: int, shards: Shards) -> JointSelection:
    """Return a selection with what all processes say of their images, on the CPU."""
    picked, above, left = selection.parts
    parts = Parts(picked.cpu(), above.cpu(), shards.joined(left, size).cpu())
    remaining = shards.joined(selection.remaining, size).cpu()
    return selection._replace(indices=selection.indices.cpu(), remaining=remaining, parts=parts)


def with_enough_classes(trained: Trained, settings: Settings) -> Trained:
    """Return the same with recipes whose classes are enough, where TOP_CLASSES=0 leaves that open."""
    if settings.top_classes:
        return trained
    return trained.with_recipes(
        [
            replace(head.recipe, top_classes=enough_classes(head.probs, head.recipe.likelihood))
            for head in trained.heads
        ]
    )


def pool_diagonal(trained: Trained, shards: Shards) -> Tensor:
    """Return the mean over all processes' images of the Fisher diagonal (P,)."""
    own = trained.rows[shards.part(len(trained.rows))]
    if not len(own):
        size = sum(p.numel() for p in trained.measured.parameters() if p.requires_grad)
        return shards.sum(torch.zeros(size, device=trained.device)) / len(trained.rows)
    diagonal = trained.recipe.diagonal(trained.measured, own)
    if shards.size == 1:
        return diagonal
    return shards.sum(diagonal * len(own)) / len(trained.rows)


def choose_mask(trained: Trained, diagonal: Tensor, settings: Settings) -> tuple[Tensor, list[str]]:
    """Return the mask (d,) of a trained network, and what was approximated, as sentences.

    Args:
        trained: The network and its pool.
        diagonal: (P,) of its Fisher matrix, over the pool.
        settings: The mask's size and rule.
    """
    recipe, notes = trained.recipe, _about_classes(trained, settings)
    mask = fisher_mask(
        diagonal, trained.measured, inner=settings.mask_inner, rule=settings.mask_rule
    )
    size = len(mask)
    if not settings.max_dim or size <= settings.max_dim:
        return mask, notes
    if recipe.sketch_dim:
        done = f"{size} masked parameters are sketched to as many columns."
    else:
        mask, share = largest_entries(mask, diagonal, settings.max_dim)
        done = (
            f"{len(mask)} of {size} masked parameters stay, with {share:.1%} of their Fisher "
            "information."
        )
    return mask, [*notes, f"MAX_DIM={settings.max_dim}: {done}"]


def pool_factors(
    trained: Trained, own: Tensor, mask: Tensor, head: HeadMaker | None, settings: Settings
) -> Tensor | Factors:
    """Return the factors of the pool's images `own` (n,), by the head's structure where there is one.

    Others are formed, V (n, C, d), and stored as FACTORS says. The rows stay where they are: a GPU
    sees a chunk of them at a time.

    Raises:
        OSError: FACTORS=disk, and MODEL_DIR has no room for them.
    """
    if head is not None:
        return head(trained.rows[own])
    shape = (len(own), *trained.recipe.shape(trained.num_classes, len(mask)))
    out = STORAGES[settings.factors].empty(shape, device=trained.device, folder=settings.model_dir)
    return trained.recipe.factors(trained.measured, trained.rows[own], mask, out)


def _about_classes(trained: Trained, settings: Settings) -> list[str]:
    top, classes = trained.recipe.top_classes, trained.num_classes
    if not top:
        return []
    rest = rest_weight(trained.probs, top, trained.recipe.likelihood)
    weigh = (
        f"weigh {float(rest.mean()):.3g} of an image on average, {float(rest.max()):.3g} at most."
    )
    if settings.top_classes:
        return [f"TOP_CLASSES={top} of {classes}: the classes left out {weigh}"]
    return [
        f"TOP_CLASSES: of {classes} classes the {top} most probable of each image count; the others "
        f"{weigh} TOP_CLASSES={classes} looks at all."
    ]


def _about_the_pool(unlabelled: int, settings: Settings) -> list[str]:
    if not 0 < settings.pool_limit < unlabelled:
        return []
    return [
        f"POOL_LIMIT={settings.pool_limit}: the queue is picked from so many of {unlabelled} "
        "unlabelled images, drawn at random. The rest is ordered by marginal gain."
    ]


def _about_formed_factors(settings: Settings) -> list[str]:
    rounding = STORAGES[settings.factors].rounding
    return [f"FACTORS={settings.factors}: factors are {rounding}."] if rounding else []
