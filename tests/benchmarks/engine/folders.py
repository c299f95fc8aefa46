"""A folder of somebody's images as a pool: the default backbone's features of them, computed once."""

from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from fishermask_backend.demo.sources import SUFFIXES
from fishermask_backend.learning.backbones import load_backbone

from .measure import RESULTS

SIZE = 160  # pixels square: the backend's own default
AT_ONCE = 64


def rows_of_folder(folder: Path) -> tuple[Tensor, Tensor]:
    """Features (N, 1280) and classes (N,): an image's class is the folder that it lies in."""
    files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    names = sorted({path.parent.name for path in files})
    labels = torch.tensor([names.index(path.parent.name) for path in files])
    listed = "\n".join(str(path.relative_to(folder)) for path in files)
    kept = RESULTS / f"rows-{sha256(listed.encode()).hexdigest()[:16]}.npy"
    if not kept.exists():
        backbone = load_backbone(
            "efficientnet_lite0",
            train="head",
            image_size=SIZE,
            weights=None,
            device=torch.device("cpu"),
        )
        parts = [files[start : start + AT_ONCE] for start in range(0, len(files), AT_ONCE)]
        rows = [backbone.rows(np.stack([pixels(path) for path in part])) for part in parts]
        kept.parent.mkdir(parents=True, exist_ok=True)
        np.save(kept, np.concatenate(rows))
    return torch.from_numpy(np.load(kept)), labels


def pixels(path: Path) -> np.ndarray:
    """RGB (3, S, S) of an image, as the backend's loader resizes it."""
    with Image.open(path) as image:
        image.draft("RGB", (2 * SIZE, 2 * SIZE))
        square = image.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    return np.asarray(square).transpose(2, 0, 1)
