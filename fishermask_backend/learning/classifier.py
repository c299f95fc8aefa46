"""Training, predicting with and storing the classifier of one project."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from fishermask_backend.controls.heads import Likelihood
from fishermask_backend.fisher.likelihood import LIKELIHOODS
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.heads import with_offsets
from fishermask_backend.learning.neighbours import stored_offsets
from fishermask_backend.learning.objectives import OBJECTIVES, Loss
from fishermask_backend.learning.tensors import TensorsUnusable, load_tensors, save_tensors
from fishermask_backend.machine.threads import one_thread

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast a network is trained (AdamW)."""

    steps: int
    batch: int
    learning_rate: float
    weight_decay: float = 0.01


# More steps or other rates label no better: docs/training.md.
HEAD = Schedule(steps=150, batch=1024, learning_rate=1e-3)
FINE_TUNING = Schedule(steps=100, batch=32, learning_rate=3e-4)
FROM_SCRATCH = Schedule(steps=150, batch=64, learning_rate=1e-3)

FEW_ROWS = 512  # of a head, up to which a second thread would only be waited for


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
    targets = targets.to(backbone.device)
    loss = OBJECTIVES[likelihood].loss(targets, num_classes)
    return train(
        backbone,
        lambda: backbone.network(num_classes, pool_rows),
        rows,
        lambda logits, batch: loss(logits, targets[batch]),
        seed,
        on_progress,
    )


def train(
    backbone: Backbone,
    build: Callable[[], nn.Module],
    rows: Tensor,
    loss: Loss,
    seed: int,
    on_progress: Progress | None,
) -> nn.Module:
    """Train a network that a backbone has; see `fit_classifier`.

    Args:
        backbone: Whose rows these are.
        build: Makes the network.
        rows: (L, *row_shape).
        loss: From logits (n, C) of a batch, and which of the rows it is (n,), to what is to fall.
        seed: Of initial weights, batches and dropout.
        on_progress: Called with steps done and steps in all.

    Returns:
        The network, in eval mode.
    """
    schedule = HEAD if backbone.frozen else FROM_SCRATCH if backbone.untrained else FINE_TUNING
    rows = rows.to(backbone.device)
    small = backbone.frozen and len(rows) <= FEW_ROWS
    with seeded(seed, backbone.device), one_thread(small):
        return descend(build().to(backbone.device), rows, loss, schedule, on_progress)


def descend(
    model: nn.Module,
    rows: Tensor,
    loss: Loss,
    schedule: Schedule,
    on_progress: Progress | None = None,
) -> nn.Module:
    """Lower a loss by AdamW, dropout alone switched on; see `train`.

    Returns:
        The network, in eval mode.
    """
    for module in model.modules():
        module.training = isinstance(module, nn.Dropout)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=schedule.learning_rate, weight_decay=schedule.weight_decay
    )
    for step, batch in enumerate(_batches(len(rows), schedule), start=1):
        optimizer.zero_grad()
        loss(model(rows[batch]), batch).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if on_progress:
            on_progress(step, schedule.steps)
    return model.eval()


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Draw from a seed, and let whatever is trained meanwhile come out the same each time."""
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
    return LIKELIHOODS[likelihood].probabilities(logits(model, rows, batch_size=batch_size))


def logits(model: nn.Module, rows: Tensor, *, batch_size: int = 256) -> Tensor:
    """Return logits (N, C) of rows, on the CPU; see `probabilities`."""
    device = next(model.parameters()).device
    with torch.inference_mode():
        batches = (rows[i : i + batch_size] for i in range(0, max(len(rows), 1), batch_size))
        return torch.cat([model(batch.to(device)).cpu() for batch in batches])


def save_classifier(path: Path, model: nn.Module, metadata: Mapping[str, str]) -> None:
    """Write a network's weights; a reader sees the old file or the whole new one.

    Args:
        path: Ends in `.safetensors`.
        model: The network.
        metadata: Stored beside the weights; `backbone` (its key) and `num_classes` are needed to
            load it again, and of several heads `sizes`, their classes.
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
        sizes = json.loads(metadata.get("sizes", "[]")) or int(metadata["num_classes"])
        model = backbone.network(sizes, None)
        if offsets := stored_offsets(state):
            model = with_offsets(model, offsets)
        model.load_state_dict(state)
    except (KeyError, ValueError, RuntimeError) as error:
        raise TensorsUnusable(
            f"The classifier {path} does not hold the weights its metadata promise ({error}); "
            "the next round writes a new one."
        ) from error
    return model.eval()
