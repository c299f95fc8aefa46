"""What networks are made of: scaling, trunks without their last layer, weights from files."""

import hashlib
import pickle
import textwrap
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from fishermask_backend.errors import BackboneUnavailable

HIDDEN = 64  # units of the head's hidden layer, and of the small CNN's
DROPOUT = 0.5
CALIBRATION_ROWS = 128  # images that set the batch-norm statistics of an untrained network
STATS_CHUNK = 1024  # rows whose sums are taken at a time

Build = Callable[[], nn.Module]
State = dict[str, Tensor]


class Standardise(nn.Module):
    """(rows − mean) / std, so that a network takes rows as they are stored, of any dtype."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, rows: Tensor) -> Tensor:
        """Rows in the dtype of `mean`."""
        return (rows.to(self.mean.dtype) - self.mean) / self.std


def standardise(rows: Tensor | None, shape: tuple[int, ...]) -> Standardise:
    """Mean and deviation of rows, per feature or per colour channel.

    Args:
        rows: (N, F) or (N, 3, S, S); None or empty for a scale that leaves rows as they are.
        shape: Of mean and deviation: (F,) or (3, 1, 1).

    Returns:
        The module; an entry that never varies is only centred.
    """
    if rows is None or not len(rows):
        return Standardise(torch.zeros(shape), torch.ones(shape))
    axes = (0,) if rows.ndim == 2 else (0, 2, 3)
    total = torch.zeros(shape[0], dtype=torch.float64, device=rows.device)
    squares, count = total.clone(), 0
    for start in range(0, len(rows), STATS_CHUNK):
        values = rows[start : start + STATS_CHUNK].double()
        total += values.sum(axes)
        squares += values.square().sum(axes)
        count += values.numel() // shape[0]
    mean = total / count
    std = (squares / count - mean.square()).clamp_min(0).sqrt()
    std = torch.where(std > 1e-6, std, 1.0)
    return Standardise(mean.float().view(shape), std.float().view(shape))


def headless(name: str, build: Build, state: State | None) -> nn.Module:
    """Return a network up to its last Linear.

    Args:
        name: What the user calls it.
        build: Makes the whole network.
        state: Weights of the whole network, or None to leave it as built. Those of its last layer
            are not used, so they may be of any number of classes.

    Raises:
        BackboneUnavailable: The network has no Linear, or the weights are not its own.
    """
    network = build()
    known = network.state_dict().keys()
    for auxiliary in ("AuxLogits", "aux1", "aux2"):  # inception_v3's and googlenet's, for training
        if hasattr(network, auxiliary):
            setattr(network, auxiliary, None)
    linear = [path for path, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise BackboneUnavailable(f"BACKBONE={name} has no Linear last layer: choose another.")
    network.set_submodule(linear[-1], nn.Identity())
    if state is not None:
        kept = network.state_dict().keys()
        own = {key: tensor for key, tensor in state.items() if key in kept or key not in known}
        try:
            network.load_state_dict(own)
        except RuntimeError as error:
            raise BackboneUnavailable(
                f"The weights do not fit BACKBONE={name}, check BACKBONE_WEIGHTS: "
                f"{textwrap.shorten(str(error), 300)}"
            ) from error
    return network


def calibrate_batch_norm(network: nn.Module, rows: Tensor) -> None:
    """Set the statistics of untrained batch norms from images of the pool (N, 3, S, S).

    Training keeps them: statistics of a batch of 20 labelled images would be noise.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
            module.momentum = 1.0  # the statistics of the one batch below
    device = next(network.parameters()).device
    if len(rows) > 1:
        with torch.no_grad():
            network(rows[:: -(-len(rows) // CALIBRATION_ROWS)].to(device))
    network.eval()


def read_weights(path: Path) -> State:
    """Return a state dict from a file, without running code that it might carry.

    Raises:
        BackboneUnavailable: The file is missing, damaged or something else.
    """
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise BackboneUnavailable(f"Weights {path} cannot be read: {error}.") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise BackboneUnavailable(
            f"Weights {path} are not a state dict (names to tensors): save model.state_dict()."
        )
    return state


def digest(state: State, scale: object) -> str:
    """Twelve hex digits that name these weights and what pixels are scaled with."""
    sha = hashlib.sha256(repr(scale).encode())
    for name, tensor in sorted(state.items()):
        sha.update(name.encode())
        sha.update(tensor.contiguous().flatten().view(torch.uint8).numpy().data)
    return sha.hexdigest()[:12]
