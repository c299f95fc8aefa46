"""Folders of small pictures whose classes are told by their colours."""

from pathlib import Path

import numpy as np
from PIL import Image

COLOURS = {"red": (200, 40, 40), "green": (40, 180, 60), "blue": (40, 60, 200)}


def picture(path: Path, colour: tuple[int, int, int], seed: int) -> Path:
    """Write a noisy picture of 20 × 16 pixels."""
    noise = np.random.default_rng(seed).integers(-40, 40, (16, 20, 3))
    pixels = np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def folders(folder: Path, count: int = 12, names: tuple[str, ...] = tuple(COLOURS)) -> Path:
    """Write a folder a class, `count` pictures in each."""
    for place, name in enumerate(names):
        colour = [*COLOURS.values()][place % len(COLOURS)]
        for i in range(count):
            picture(folder / name / f"{i:02}.png", colour, 100 * place + i)
    return folder
