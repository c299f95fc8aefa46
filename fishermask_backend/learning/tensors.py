"""Named tensors in a safetensors file, written whole or not at all."""

import hashlib
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.state import whole_file

_DIGEST = "sha256"  # among the metadata; files of versions before it have none


class TensorsUnusable(FisherMaskError):
    """A file of tensors is missing, damaged or another network's; a new round replaces it."""


def save_tensors(
    path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None
) -> None:
    """Write tensors; a reader sees the old file or the whole new one.

    Args:
        path: Ends in `.safetensors`; its folder is made.
        tensors: On any device.
        metadata: Texts stored beside them.

    Raises:
        OSError: The disk is full, or failed; an earlier file of that name is untouched.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    stored = {name: t.detach().cpu().contiguous() for name, t in tensors.items()}
    with whole_file(path) as draft:
        _write(stored, draft, dict(metadata or {}) | {_DIGEST: _digest(stored)})


def _write(tensors: dict[str, Tensor], path: Path, metadata: dict[str, str]) -> None:
    try:
        save_file(tensors, path, metadata)
    except SafetensorError as error:
        number = re.search(r"os error (\d+)", str(error))
        if number is None:
            raise
        code = int(number[1])
        raise OSError(code, os.strerror(code), str(path)) from error


def load_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Read what `save_tensors` wrote: tensors, and metadata.

    Raises:
        TensorsUnusable: The file is missing or damaged.
    """
    try:
        with safe_open(path, "pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            metadata = dict(file.metadata() or {})
    except (OSError, SafetensorError) as error:
        raise TensorsUnusable(
            f"{path} cannot be read ({error}); the next round writes a new one."
        ) from error
    if metadata.pop(_DIGEST, None) not in (None, _digest(tensors)):
        raise TensorsUnusable(
            f"{path} cannot be read (bytes in it have changed); the next round writes a new one."
        )
    return tensors, metadata


def _digest(tensors: Mapping[str, Tensor]) -> str:
    """Return 64 hex digits of names, types, shapes and bytes, whose changes safetensors overlooks."""
    sha = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        sha.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        sha.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
    return sha.hexdigest()


def numbered(parts: Sequence[Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors of several parts for one file, a tensor `mask` of the second as `1.mask`."""
    return {
        f"{number}.{name}": tensor
        for number, own in enumerate(parts)
        for name, tensor in own.items()
    }


def of_number(tensors: Mapping[str, Tensor], number: int) -> dict[str, Tensor]:
    """Return the tensors of one part of what `numbered` returned."""
    return under(tensors, str(number))


def under(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    """Return the tensors of a part, `mask` for one that is called `<part>.mask`."""
    start = f"{part}."
    return {name.removeprefix(start): t for name, t in tensors.items() if name.startswith(start)}
