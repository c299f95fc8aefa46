"""Classifies images with the exported classifier: `python predict.py image.jpg ...`.

Needs fishermask-backend, of the version that `classifier.json` names: it builds the network and
decodes images as in training. No Label Studio, database or settings are needed.
"""

import json
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from fishermask_backend.images.decoding import decode
from fishermask_backend.learning.backbones import load_backbone
from fishermask_backend.learning.classifier import load_classifier, probabilities

HERE = Path(__file__).parent


def predict(images: Sequence[Path]) -> list[dict[str, float]]:
    """Return each image's probabilities: class to probability.

    Raises:
        FisherMaskError: An image cannot be decoded, or the classifier not be built.
    """
    about = json.loads((HERE / "classifier.json").read_text(encoding="utf-8"))
    weights = about["backbone_weights"]
    backbone = load_backbone(
        about["backbone"],
        train=about["train"],
        image_size=about["image_size"],
        weights=weights if weights in ("", "none") else HERE / weights,
        device=torch.device("cpu"),
    )
    model = load_classifier(HERE / "classifier.safetensors", backbone)
    pixels = [decode(i.read_bytes(), about["image_size"], max_pixels=1e8) for i in images]
    rows = torch.from_numpy(backbone.rows(np.stack(pixels)))
    found = probabilities(model, rows, about["likelihood"])
    return [dict(zip(about["classes"], map(float, row), strict=True)) for row in found]


if __name__ == "__main__":
    paths = [Path(argument) for argument in sys.argv[1:]]
    if not paths:
        raise SystemExit("usage: python predict.py IMAGE ...")
    for path, classes in zip(paths, predict(paths), strict=True):
        print(json.dumps({"image": str(path), "probabilities": classes}, ensure_ascii=False))
