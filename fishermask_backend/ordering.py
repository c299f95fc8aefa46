"""The order of a whole pool: the queue as FisherMask picks it, then the rest by marginal gain."""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor, nn

from fishermask_backend.classifier import round_memory
from fishermask_backend.fisher import PoolScorer, masked_factors, score_new, select_batch
from fishermask_backend.labeling import LabelSpec, Likelihood
from fishermask_backend.settings import Settings
from fishermask_backend.tensors import load_tensors, save_tensors

CHUNK = 1024  # images scored at a time outside the selection
QUEUE_END = 0.5  # scores of the queue lie below, those of the rest at or above


@dataclass
class Order:
    """Every image's place and gain.

    Attributes:
        scores: (N,) in [0, 1], 0 is to be labelled next; labelled images have 1.
        gains: (N,) the gain of a pick when it was picked, of the rest after all picks; 0 if labelled.
        notes: What was approximated, as sentences for the status.
        scorer: What `score_new` needs to place images that come later; None for a cold start.
        mask: (d,) the parameters that the scorer's factors are over.
    """

    scores: Tensor
    gains: Tensor
    notes: list[str] = field(default_factory=list)
    scorer: PoolScorer | None = None
    mask: Tensor | None = None

    def save_scorer(self, path: Path) -> None:
        """Write the scorer's state and its mask to a safetensors file."""
        if self.scorer is not None and self.mask is not None:
            save_tensors(path, {**self.scorer.to_tensors(), "mask": self.mask})


def load_scorer(path: Path) -> tuple[PoolScorer, Tensor]:
    """Read what `Order.save_scorer` wrote: the scorer and its mask."""
    tensors, _ = load_tensors(path)
    mask = tensors.pop("mask")
    return PoolScorer.from_tensors(tensors), mask


def placed(ranking: Tensor, size: int, queue_size: int) -> Order:
    """Turn a ranking into scores: the queue evenly below 0.5, the rest evenly above.

    Args:
        ranking: Indices of the images that can be labelled, next one first.
        size: N, images in all; those not ranked get 1.
        queue_size: How many of the ranking form the queue.
    """
    scores = torch.ones(size, dtype=torch.float64)
    queue, rest = ranking[:queue_size], ranking[queue_size:]
    scores[queue] = QUEUE_END * torch.arange(len(queue), dtype=torch.float64) / max(len(queue), 1)
    scores[rest] = QUEUE_END + QUEUE_END * torch.arange(len(rest), dtype=torch.float64) / max(
        len(rest), 1
    )
    return Order(scores, torch.zeros(size, dtype=torch.float64))


def fisher_order(
    model: nn.Module,
    rows: Tensor,
    mask: Tensor,
    labelled: Tensor,
    servable: Tensor,
    spec: LabelSpec,
    settings: Settings,
) -> Order:
    """Order a pool by FisherMask.

    The queue is picked greedily whole, so that its margin holds no near-duplicates of its batch.

    Args:
        model: The trained classifier; takes rows.
        rows: (N, ...) the pool.
        mask: (d,) parameter indices.
        labelled: (N,) bool, images trained on.
        servable: (N,) bool, images that Label Studio would still serve.
        spec: What is learned.
        settings: Queue size, ridge, weighting, pick weight, seed and memory limit.
    """
    generator = torch.Generator().manual_seed(settings.seed)
    chosen, notes = _within_memory(rows, mask, labelled, servable, spec, settings, generator)
    factors = _factors(model, rows[chosen], mask, spec.likelihood, settings)
    selection = select_batch(
        factors,
        labelled[chosen].to(factors.device),
        settings.queue_size,
        ridge=settings.ridge,
        pick_weight=settings.pick_weight,
    )
    gains = torch.full((len(rows),), -torch.inf, dtype=torch.float64)
    gains[chosen] = selection.remaining.cpu()
    picks = chosen[selection.indices.cpu()]
    gains[picks] = -torch.inf
    del factors
    _score_others(model, rows, mask, chosen, servable, selection.scorer, gains, spec, settings)
    rest = torch.argsort(gains, descending=True, stable=True)
    rest = rest[torch.isfinite(gains[rest]) & servable[rest]]
    order = placed(torch.cat([picks, rest]), len(rows), settings.queue_size)
    gains[picks] = selection.gains.cpu()
    order.gains = torch.where(torch.isfinite(gains), gains, 0.0)
    order.notes, order.scorer, order.mask = notes, selection.scorer, mask.cpu()
    return order


def _within_memory(
    rows: Tensor,
    mask: Tensor,
    labelled: Tensor,
    servable: Tensor,
    spec: LabelSpec,
    settings: Settings,
    generator: torch.Generator,
) -> tuple[Tensor, list[str]]:
    """Return the indices the selection looks at: all that fit, labelled ones first to stay."""
    wanted = torch.nonzero(labelled | servable).flatten()

    def bytes_for(images: int) -> int:
        return round_memory(images, len(spec.classes), len(mask), rows[0].nbytes)

    fixed = bytes_for(0)
    each = max(1, bytes_for(1) - fixed)
    room = max(int(labelled.sum()) + settings.queue_size, (settings.round_memory - fixed) // each)
    if len(wanted) <= room:
        return wanted, []
    order = torch.rand(len(wanted), generator=generator) - labelled[wanted].double()
    kept = wanted[torch.argsort(order)[:room]].sort().values
    note = (
        f"Candidates are a random {room} of {len(wanted)} images: more would need "
        f"{bytes_for(len(wanted)) / 2**30:.1f} GiB, above MEMORY_LIMIT "
        f"({settings.round_memory / 2**30:.1f} GiB). The rest is ordered by marginal gain."
    )
    return kept, [note]


def _score_others(
    model: nn.Module,
    rows: Tensor,
    mask: Tensor,
    chosen: Tensor,
    servable: Tensor,
    scorer: PoolScorer,
    gains: Tensor,
    spec: LabelSpec,
    settings: Settings,
) -> None:
    """Fill in the gains of servable images that the selection did not look at."""
    left_out = servable.clone()
    left_out[chosen] = False
    others = torch.nonzero(left_out).flatten()
    for part in torch.split(others, CHUNK):
        gains[part] = new_gains(model, rows[part], mask, scorer, spec.likelihood, settings)


def new_gains(
    model: nn.Module,
    rows: Tensor,
    mask: Tensor,
    scorer: PoolScorer,
    likelihood: Likelihood,
    settings: Settings,
) -> Tensor:
    """Return the marginal gains (M,) of images that a selection did not see, after its picks."""
    return score_new(scorer, _factors(model, rows, mask, likelihood, settings)).cpu()


def _factors(
    model: nn.Module,
    rows: Tensor,
    mask: Tensor,
    likelihood: Likelihood,
    settings: Settings,
) -> Tensor:
    device = next(model.parameters()).device
    return masked_factors(
        model,
        rows.to(device),
        mask.to(device),
        weighting=settings.weighting,
        likelihood=likelihood,
    )
