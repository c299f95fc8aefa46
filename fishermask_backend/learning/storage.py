"""Where a pool's factors are put, as FACTORS says."""

import os
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from fishermask_backend.fisher import factors_on_disk
from fishermask_backend.state import FACTORS


@dataclass(frozen=True)
class Storage:
    """How factors are stored.

    Attributes:
        dtype: Of an entry.
        memory: Bytes of memory that an entry takes.
        rounding: What is lost by it, and where they lie instead; empty: nothing.
        roomier: The FACTORS that holds more images; None: none does.
    """

    dtype: torch.dtype
    memory: int
    rounding: str = ""
    roomier: str | None = None

    def empty(self, shape: tuple[int, ...], *, device: torch.device, folder: Path) -> Tensor:
        """Return room for factors on a device, or in a file of the folder that no name leads to.

        Raises:
            OSError: It is to be a file, and the folder's disk has no room.
        """
        if self.memory:
            return torch.empty(shape, dtype=self.dtype, device=device)
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / FACTORS.named(process=os.getpid())
        out = factors_on_disk(path, shape, self.dtype)
        path.unlink()  # the mapping stays; nothing is left behind however the process ends
        return out


STORAGES: dict[str, Storage] = {
    "float32": Storage(torch.float32, memory=4, roomier="bfloat16"),
    "bfloat16": Storage(
        torch.bfloat16, memory=2, rounding="rounded to 3 digits, in memory", roomier="disk"
    ),
    "disk": Storage(
        torch.bfloat16, memory=0, rounding="rounded to 3 digits, in a file in MODEL_DIR"
    ),
}
