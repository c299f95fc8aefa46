"""Training, predicting with, storing and sizing the classifier of one project."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from fishermask_backend.backbones import Backbone
from fishermask_backend.labeling import Likelihood
from fishermask_backend.tensors import TensorsUnusable, load_tensors, save_tensors

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


def fit_classifier(
    backbone: Backbone,
    rows: Tensor,
    targets: Tensor,
    *,
    num_classes: int,
    likelihood: Likelihood,
    pool_rows: Tensor,
    seed: int,
    device: torch.device,
    on_progress: Progress | None = None,
) -> nn.Module:
    """Train a network on the labelled rows, from the same start each time.

    Every class counts the same in the loss, however few its labels are (docs/training.md). Batch
    norms keep their statistics; dropout alone is switched on. The same arguments on the same device
    give the same weights, unless another thread draws from torch's global generator meanwhile.

    Args:
        backbone: Whose rows these are.
        rows: Labelled rows (L, *row_shape), L ≥ 1.
        targets: Classes (L,) int64, or for `bernoulli` 0/1 of each class (L, C).
        num_classes: C.
        likelihood: `categorical`: one class an image (softmax); `bernoulli`: independent sigmoids.
        pool_rows: Rows of the whole pool (N, *row_shape), which set the network's standardisation.
        seed: Of initial weights, batches and dropout.
        device: Where to train.
        on_progress: Called with steps done and steps in all.

    Returns:
        The network, in eval mode.
    """
    schedule = HEAD if backbone.frozen else FROM_SCRATCH if backbone.untrained else FINE_TUNING
    rows, targets = rows.to(device), targets.to(device)
    loss = _balanced_loss(targets, num_classes, likelihood)
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


def _balanced_loss(
    targets: Tensor, num_classes: int, likelihood: Likelihood
) -> Callable[[Tensor, Tensor], Tensor]:
    """Mean negative log-likelihood in which every class seen has the same total weight."""
    if likelihood == "bernoulli":
        return functional.binary_cross_entropy_with_logits
    counts = torch.bincount(targets, minlength=num_classes)
    weight = torch.where(counts > 0, len(targets) / counts.clamp_min(1), 0.0)
    return lambda logits, classes: functional.cross_entropy(logits, classes, weight=weight)


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
        (N, C) float32 on the CPU: each row sums to 1 for `categorical`, each entry is in [0, 1] for
        `bernoulli`.
    """
    device = next(model.parameters()).device
    with torch.inference_mode():
        batches = (rows[i : i + batch_size] for i in range(0, max(len(rows), 1), batch_size))
        logits = torch.cat([model(batch.to(device)).cpu() for batch in batches])
    return logits.sigmoid() if likelihood == "bernoulli" else logits.softmax(1)


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


def round_memory(
    images: int, num_classes: int, mask_size: int, row_bytes: int, *, factor_bytes: int = 4
) -> int:
    """Estimate the bytes that a round needs at its peak.

    N·(2·row + b·C·d + 40·C²) + 56·d² + 1 GiB: the rows of the pool and of the candidates; the
    factors V (N, C, d); the two C×C matrices that the selection keeps of each image, the three
    that its gain takes, and seven d×d ones; the libraries and chunks in work.

    Args:
        images: N, candidates and labelled.
        num_classes: C.
        mask_size: d, the last layer included.
        row_bytes: Bytes of one row.
        factor_bytes: b, bytes of an entry of V: 4 in float32, 0 where V lies on the disk.
    """
    factors = factor_bytes * num_classes * mask_size + 40 * num_classes**2
    return images * (2 * row_bytes + factors) + 56 * mask_size**2 + 2**30
