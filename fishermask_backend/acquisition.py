"""FisherMask over a pool of rows: mask, factors, selection; by one process or shared out among many."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn

from fishermask_backend.classifier import round_memory
from fishermask_backend.device import free_gpu_bytes
from fishermask_backend.fisher import (
    Selection,
    Shards,
    fisher_diagonal,
    fisher_mask,
    rest_weight,
    select_batch,
)
from fishermask_backend.recipe import FactorRecipe, pool_factors
from fishermask_backend.settings import Settings

FACTOR_BYTES = {"float32": 4, "bfloat16": 2, "disk": 0}  # of memory, an entry


@dataclass(frozen=True)
class Acquisition:
    """What FisherMask says about a pool, on the CPU but for the selection's scorer.

    Attributes:
        mask: (d,) the parameters looked at.
        chosen: (M,) pool indices of the images looked at, ascending.
        selection: Over those images.
        notes: What was approximated, as sentences for the status.
    """

    mask: Tensor
    chosen: Tensor
    selection: Selection
    notes: list[str]


def acquire(
    model: nn.Module,
    rows: Tensor,
    probs: Tensor,
    labelled: Tensor,
    servable: Tensor,
    recipe: FactorRecipe,
    settings: Settings,
    *,
    shards: Shards | None = None,
    lap: Callable[[str], None] = lambda stage: None,
) -> Acquisition:
    """Pick the next queue.

    Args:
        model: The trained classifier; takes rows.
        rows: (N, ...) the pool, whole for every process.
        probs: (N, C) its class probabilities.
        labelled: (N,) bool, images trained on.
        servable: (N,) bool, images that Label Studio would still serve.
        recipe: How factors are made.
        settings: The mask, queue size, ridge, pick weight, seed, and the limits of memory and pool.
        shards: The processes that share the work, each with the same arguments; None: this one alone.
        lap: Called with the name of each stage that is done.

    Returns:
        The same for every process.
    """
    shards = shards or Shards()
    mask, notes = choose_mask(model, rows, probs, recipe, settings, shards)
    lap("mask")
    shape = recipe.shape(probs.shape[1], len(mask))
    memories = _memories(shape, rows[0].nbytes, settings, shards, next(model.parameters()).device)
    chosen, more = _within_memory(memories, labelled, servable, settings)
    own = chosen[shards.part(len(chosen))]
    factors = pool_factors(model, rows[own], mask, probs.shape[1], recipe, settings)
    selection = select_batch(
        factors,
        labelled[own].to(factors.device),
        settings.queue_size,
        ridge=settings.ridge,
        pick_weight=settings.pick_weight,
        pool_limit=settings.pool_limit or None,
        seed=settings.seed,
        shards=shards,
    )
    remaining = shards.joined(selection.remaining, len(chosen))
    selection = selection._replace(indices=selection.indices.cpu(), remaining=remaining.cpu())
    lap("select")
    notes += more + _about_the_pool(int((~labelled[chosen]).sum()), settings)
    return Acquisition(mask.cpu(), chosen, selection, notes)


def choose_mask(
    model: nn.Module,
    rows: Tensor,
    probs: Tensor,
    recipe: FactorRecipe,
    settings: Settings,
    shards: Shards,
) -> tuple[Tensor, list[str]]:
    """Return the mask (d,) of a trained network, and what was approximated, as sentences.

    Args:
        model: The network.
        rows: (N, ...) the pool.
        probs: (N, C) its class probabilities, to say what TOP_CLASSES leaves out.
        recipe: How factors are made.
        settings: The mask's size and rule.
        shards: The processes that share the work.
    """
    diagonal = _diagonal(model, rows, recipe, shards)
    whole = fisher_mask(diagonal, model, inner=settings.mask_inner, rule=settings.mask_rule)
    notes = []
    if recipe.top_classes:
        rest = rest_weight(probs, recipe.top_classes, recipe.likelihood)
        notes.append(
            f"TOP_CLASSES={recipe.top_classes} of {probs.shape[1]}: the classes left out weigh "
            f"{float(rest.mean()):.3g} of an image on average, {float(rest.max()):.3g} at most."
        )
    if not settings.max_dim or len(whole) <= settings.max_dim:
        return whole, notes
    if recipe.sketch_dim:
        notes.append(
            f"MAX_DIM={settings.max_dim}: {len(whole)} masked parameters are sketched to as many "
            "columns."
        )
        return whole, notes
    mask = fisher_mask(
        diagonal,
        model,
        inner=settings.mask_inner,
        rule=settings.mask_rule,
        max_dim=settings.max_dim,
    )
    share = float(diagonal[mask].sum() / diagonal[whole].sum().clamp_min(1e-300))
    notes.append(
        f"MAX_DIM={settings.max_dim}: {len(mask)} of {len(whole)} masked parameters stay, with "
        f"{share:.1%} of their Fisher information."
    )
    return mask, notes


def _diagonal(model: nn.Module, rows: Tensor, recipe: FactorRecipe, shards: Shards) -> Tensor:
    """Return the mean over all processes' images of the Fisher diagonal (P,)."""
    device = next(model.parameters()).device
    own = rows[shards.part(len(rows))]
    if not len(own):
        size = sum(p.numel() for p in model.parameters() if p.requires_grad)
        return shards.sum(torch.zeros(size, device=device)) / len(rows)
    diagonal = fisher_diagonal(
        model, own, likelihood=recipe.likelihood, top_classes=recipe.top_classes
    )
    return diagonal if shards.size == 1 else shards.sum(diagonal * len(own)) / len(rows)


class Memory(NamedTuple):
    """A memory that images take up.

    Attributes:
        name: For people.
        size: Bytes there are.
        fixed: Bytes taken whatever the pool.
        each: Bytes an image takes.
    """

    name: str
    size: int
    fixed: int
    each: int

    def need(self, images: int) -> int:
        """Return the bytes so many images take."""
        return self.fixed + self.each * images


def _memories(
    shape: tuple[int, int], row_bytes: int, settings: Settings, shards: Shards, device: torch.device
) -> list[Memory]:
    """Return what bounds the pool: this machine's memory, and a GPU's where that has the factors."""

    def memory(name: str, size: int, row: int, entry: int, processes: int) -> Memory:
        fixed, one = (round_memory(n, *shape, row, factor_bytes=entry) for n in (0, 1))
        return Memory(name, size, processes * fixed, max(1, one - fixed))

    entry, limit = FACTOR_BYTES[settings.factors], settings.round_memory
    if device.type != "cuda" or not entry:
        return [memory("MEMORY_LIMIT", limit, row_bytes, entry, shards.size)]
    like = torch.zeros((), device=device)
    least = -int(shards.largest(-float(free_gpu_bytes(device)), like)) * shards.size
    return [
        memory("MEMORY_LIMIT", limit, row_bytes, 0, shards.size),
        memory("what is free on the GPU", least, 0, entry, shards.size),
    ]


def _within_memory(
    memories: list[Memory], labelled: Tensor, servable: Tensor, settings: Settings
) -> tuple[Tensor, list[str]]:
    """Return the indices the selection looks at: all that fit, labelled ones first to stay."""
    wanted = torch.nonzero(labelled | servable).flatten()
    least = int(labelled.sum()) + settings.queue_size
    room, tightest = min(((m.size - m.fixed) // m.each, m) for m in memories)
    room = max(least, room)
    if len(wanted) <= room:
        return wanted, []
    generator = torch.Generator().manual_seed(settings.seed)
    order = torch.rand(len(wanted), generator=generator) - labelled[wanted].double()
    kept = wanted[torch.argsort(order)[:room]].sort().values
    more = {"float32": "bfloat16", "bfloat16": "disk"}.get(settings.factors)
    holds_more = f" FACTORS={more} holds more." if more else ""
    note = (
        f"Candidates are a random {room} of {len(wanted)} images: more would need "
        f"{tightest.need(len(wanted)) / 2**30:.1f} GiB, above {tightest.name} "
        f"({tightest.size / 2**30:.1f} GiB). The rest is ordered by marginal gain.{holds_more}"
    )
    return kept, [note]


def _about_the_pool(unlabelled: int, settings: Settings) -> list[str]:
    notes = []
    if 0 < settings.pool_limit < unlabelled:
        notes.append(
            f"POOL_LIMIT={settings.pool_limit}: the queue is picked from so many of {unlabelled} "
            "unlabelled images, drawn at random. The rest is ordered by marginal gain."
        )
    if settings.factors != "float32":
        place = "in memory" if settings.factors == "bfloat16" else "in a file in MODEL_DIR"
        notes.append(f"FACTORS={settings.factors}: factors are rounded to 3 digits, {place}.")
    return notes
