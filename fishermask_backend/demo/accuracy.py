"""How well each round's classifier does on images that its project never had."""

from collections.abc import Mapping, Sequence
from contextlib import chdir
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fishermask_backend.demo.images import DemoImages
from fishermask_backend.images.decoding import decode
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import load_classifier, probabilities
from fishermask_backend.machine.device import choose_device
from fishermask_backend.settings import Settings


def held_out_accuracies(
    model_dir: Path, rounds: Sequence[Mapping[str, Any]], images: DemoImages
) -> dict[int, float]:
    """Return the share of held-out images that each round's classifier gets right, by round number.

    Args:
        model_dir: The backend's MODEL_DIR, where it was started.
        rounds: As the backend tells them; a cold start, which has no classifier, is passed over.
        images: The demo's images.

    Raises:
        FisherMaskError: The backbone or a classifier can't be read.
    """
    with chdir(model_dir):  # where the backend looked for a .env file
        settings = Settings()
        backbone = Backbone.of(settings, choose_device(settings.device))
    files = images.files(images.held_out)
    pixels = [
        decode(
            file.read_bytes(),
            backbone.image_size,
            max_pixels=np.inf,
            interpolation=backbone.interpolation,
        ).pixels
        for file in files
    ]
    rows = torch.from_numpy(backbone.rows(np.stack(pixels)))
    truth = np.array(list(images.held_out.values()))
    found = {}
    for each in rounds:
        if each["weights"]:
            model = load_classifier(model_dir / each["weights"], backbone)
            guesses = probabilities(model, rows, "categorical").argmax(1).numpy()
            found[int(each["number"])] = float((np.array(each["classes"])[guesses] == truth).mean())
    return found
