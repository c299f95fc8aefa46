"""Training, predicting with and storing the classifier of one project."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import repeat
from math import nan
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from fishermask_backend.controls.heads import Likelihood
from fishermask_backend.fisher.likelihood import LIKELIHOODS
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.tensors import TensorsUnusable, load_tensors, save_tensors

Progress = Callable[[int, int], None]
Loss = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network is trained (AdamW)."""

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.01


@dataclass(frozen=True)
class Objective:
    """How the classes of a likelihood are learnt.

    Attributes:
        target: From the classes that an image is labelled with, of all, and those that nobody was
            asked about, to a row of the targets.
        loss: From targets and C to a mean negative log-likelihood, of logits (n, C) and targets.
    """

    target: Callable[[Collection[str], Sequence[str], Collection[str]], Tensor]
    loss: Callable[[Tensor, int], Loss]


def _one_class(named: Collection[str], classes: Sequence[str], _: Collection[str]) -> Tensor:
    (name,) = named
    return torch.tensor(classes.index(name))


def _each_class(named: Collection[str], classes: Sequence[str], unasked: Collection[str]) -> Tensor:
    return torch.tensor([nan if c in unasked else float(c in named) for c in classes])


def _balanced_cross_entropy(targets: Tensor, num_classes: int) -> Loss:
    """Every class seen has the same total weight, however few its labels are (docs/training.md)."""
    counts = torch.bincount(targets, minlength=num_classes)
    weight = torch.where(counts > 0, len(targets) / counts.clamp_min(1), 0.0)
    return lambda logits, classes: functional.cross_entropy(logits, classes, weight=weight)


def _binary_cross_entropy(targets: Tensor, num_classes: int) -> Loss:
    """Let what nobody was asked (NaN) count nothing, for classes with a known yes and a known no.

    For others it counts as a no: from a yes alone a network would learn that every image has the
    class (docs/training.md).
    """
    if not targets.isnan().any():
        return functional.binary_cross_entropy_with_logits
    learnable = (targets == 1).any(0) & (targets == 0).any(0)

    def known_alone(logits: Tensor, rows: Tensor) -> Tensor:
        weight = 1.0 - (rows.isnan() & learnable).to(logits.dtype)
        each = functional.binary_cross_entropy_with_logits(
            logits, rows.nan_to_num(), weight=weight, reduction="sum"
        )
        return each / weight.sum().clamp_min(1.0)

    return known_alone


OBJECTIVES: dict[Likelihood, Objective] = {
    "categorical": Objective(_one_class, _balanced_cross_entropy),
    "bernoulli": Objective(_each_class, _binary_cross_entropy),
}

# More steps or other rates label no better: docs/training.md.
HEAD = Schedule(steps=150, batch=1024, learning_rate=1e-3)
FINE_TUNING = Schedule(steps=100, batch=32, learning_rate=3e-4)
FROM_SCRATCH = Schedule(steps=150, batch=64, learning_rate=1e-3)


def as_targets(
    labels: Iterable[Collection[str]],
    classes: Sequence[str],
    likelihood: Likelihood,
    unasked: Iterable[Collection[str]] | None = None,
) -> Tensor:
    """Return what `fit_classifier` learns.

    Args:
        labels: The classes that each image is labelled with.
        classes: All C.
        likelihood: See `fit_classifier`.
        unasked: The classes of each image that nobody was asked about; None: all were asked.

    Returns:
        Classes (L,) int64, or for «bernoulli» 0/1 of each class (L, C), NaN where nobody was asked.
    """
    target = OBJECTIVES[likelihood].target
    nobody: Iterable[Collection[str]] = repeat(()) if unasked is None else unasked
    pairs = zip(labels, nobody, strict=False)
    return torch.stack([target(named, classes, missing) for named, missing in pairs])


def fit_classifier(
    backbone: Backbone,
    rows: Tensor,
    targets: Tensor,
    *,
    num_classes: int,
    likelihood: Likelihood,
    pool_rows: Tensor,
    seed: int,
    on_progress: Progress | None = None,
) -> nn.Module:
    """Train a network on the labelled rows, from the same start each time.

    Every class counts the same in the loss, however few its labels are (docs/training.md). Batch
    norms keep their statistics; dropout alone is switched on. The same arguments on the same device
    give the same weights, unless another thread draws from torch's global generator meanwhile.

    Args:
        backbone: Whose rows these are.
        rows: Labelled rows (L, *row_shape), L ≥ 1.
        targets: What they are labelled as, by `as_targets`.
        num_classes: C.
        likelihood: «categorical»: one class an image (softmax); «bernoulli»: independent sigmoids.
        pool_rows: Rows of the whole pool (N, *row_shape), which set the network's standardisation.
        seed: Of initial weights, batches and dropout.
        on_progress: Called with steps done and steps in all.

    Returns:
        The network, in eval mode.
    """
    schedule = HEAD if backbone.frozen else FROM_SCRATCH if backbone.untrained else FINE_TUNING
    device = backbone.device
    rows, targets = rows.to(device), targets.to(device)
    loss = OBJECTIVES[likelihood].loss(targets, num_classes)
    with _seeded(seed, device):
        model = backbone.network(num_classes, pool_rows).to(device)
        for module in model.modules():
            module.training = isinstance(module, nn.Dropout)
        optimizer = torch.optim.AdamW(
            model.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
        )
        for step, batch in enumerate(_batches(len(rows), schedule), start=1):
            optimizer.zero_grad()
            loss(model(rows[batch]), targets[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            if on_progress:
                on_progress(step, schedule.steps)
    return model.eval()


@contextmanager
def _seeded(seed: int, device: torch.device) -> Iterator[None]:
    devices = [device] if device.type == "cuda" else []
    with (
        torch.random.fork_rng(devices),
        torch.backends.cudnn.flags(deterministic=True, benchmark=False),
    ):
        torch.manual_seed(seed)
        yield


def _batches(count: int, schedule: Schedule) -> Iterator[Tensor]:
    """Index batches for every step: everything if it fits, else epoch after shuffled epoch."""
    size = min(count, schedule.batch)
    left = torch.empty(0, dtype=torch.long)
    for _ in range(schedule.steps):
        if len(left) < size:
            left = torch.randperm(count)
        yield left[:size]
        left = left[size:]


def probabilities(
    model: nn.Module, rows: Tensor, likelihood: Likelihood, *, batch_size: int = 256
) -> Tensor:
    """Class probabilities of rows.

    Args:
        model: From rows to logits, in eval mode.
        rows: (N, *row_shape) on any device.
        likelihood: See `fit_classifier`.
        batch_size: Rows computed at a time.

    Returns:
        (N, C) float32 on the CPU: each row sums to 1 for «categorical», each entry is in [0, 1] for
        «bernoulli».
    """
    device = next(model.parameters()).device
    with torch.inference_mode():
        batches = (rows[i : i + batch_size] for i in range(0, max(len(rows), 1), batch_size))
        logits = torch.cat([model(batch.to(device)).cpu() for batch in batches])
    return LIKELIHOODS[likelihood].probabilities(logits)


def save_classifier(path: Path, model: nn.Module, metadata: Mapping[str, str]) -> None:
    """Write a network's weights; a reader sees the old file or the whole new one.

    Args:
        path: Ends in `.safetensors`.
        model: The network.
        metadata: Stored beside the weights; `backbone` (its key) and `num_classes` are needed to
            load it again.
    """
    missing = {"backbone", "num_classes"} - metadata.keys()
    if missing:
        raise ValueError(f"metadata lacks {', '.join(sorted(missing))}")
    save_tensors(path, model.state_dict(), metadata)


def load_classifier(path: Path, backbone: Backbone) -> nn.Module:
    """Read a network that `save_classifier` wrote.

    Raises:
        TensorsUnusable: No such file, a damaged one, or one of another backbone.
    """
    state, metadata = load_tensors(path)
    if metadata.get("backbone") != backbone.key:
        raise TensorsUnusable(
            f"The classifier {path} belongs to backbone {metadata.get('backbone')}, the settings "
            f"ask for {backbone.key}; the next round writes a new one."
        )
    try:
        model = backbone.network(int(metadata["num_classes"]), None)
        model.load_state_dict(state)
    except (KeyError, ValueError, RuntimeError) as error:
        raise TensorsUnusable(
            f"The classifier {path} does not hold the weights its metadata promise ({error}); "
            "the next round writes a new one."
        ) from error
    return model.eval()
