"""Classifies images with the exported classifier: `python predict.py [--csv FILE] IMAGE_OR_FOLDER ...`.

Needs fishermask-backend, of the version that `classifier.json` names: it builds the network and
decodes images as in training. No Label Studio, database or settings are needed.
"""

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fishermask_backend.errors import FisherMaskError
from fishermask_backend.images.decoding import decode
from fishermask_backend.learning.backbones import Backbone, load_backbone
from fishermask_backend.learning.classifier import load_classifier
from fishermask_backend.learning.joint_classifier import joint_probabilities

HERE = Path(__file__).parent
AT_ONCE = 64  # images in memory

Probabilities = dict[str, dict[str, float]]  # a control, empty if there is only one: a class: p

SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"}
)


class Classifier:
    """The exported classifier.

    Attributes:
        heads: The controls that it has learnt, each with its name (empty if there is only one), and
            its classes in the order in which their probabilities come.

    Raises:
        FisherMaskError: It cannot be built.
    """

    def __init__(self) -> None:
        about = json.loads((HERE / "classifier.json").read_text(encoding="utf-8"))
        weights = about["backbone_weights"]
        heads = about.get("heads") or [{"control": "", **about}]
        self.heads: list[tuple[str, list[str]]] = [(h["control"], h["classes"]) for h in heads]
        self._asked = [(h["likelihood"], len(h["classes"])) for h in heads]
        self._backbone: Backbone = load_backbone(
            about["backbone"],
            train=about["train"],
            image_size=about["image_size"],
            weights=weights if weights in ("", "none") else HERE / weights,
            device=torch.device("cpu"),
        )
        self._model = load_classifier(HERE / "classifier.safetensors", self._backbone)

    def pixels(self, image: Path) -> Any:
        """Return an image as the network takes it.

        Raises:
            OSError, FisherMaskError: It cannot be read, or not be decoded.
        """
        return decode(
            image.read_bytes(),
            self._backbone.image_size,
            max_pixels=1e8,
            interpolation=self._backbone.interpolation,
        ).pixels

    def predict(self, pixels: Sequence[Any]) -> list[Probabilities]:
        """Return each image's probabilities: control to class to probability."""
        rows = torch.from_numpy(self._backbone.rows(np.stack(pixels)))
        found = joint_probabilities(self._model, rows, self._asked).tolist()
        return [self._named(row) for row in found]

    def _named(self, row: Sequence[float]) -> Probabilities:
        named, rest = {}, iter(row)
        for control, classes in self.heads:
            named[control] = {name: next(rest) for name in classes}
        return named


def predict(
    classifier: Classifier, images: Sequence[Path]
) -> Iterator[tuple[Path, Probabilities | str]]:
    """Yield each image with its probabilities, or with why it has none."""
    for start in range(0, len(images), AT_ONCE):
        paths = images[start : start + AT_ONCE]
        read: dict[Path, Any] = {}
        failed: dict[Path, str] = {}
        for path in paths:
            try:
                read[path] = classifier.pixels(path)
            except (OSError, FisherMaskError) as error:
                failed[path] = str(error)
        found = (
            dict(zip(read, classifier.predict(list(read.values())), strict=True)) if read else {}
        )
        yield from ((path, found[path] if path in found else failed[path]) for path in paths)


def named(paths: Sequence[Path]) -> list[Path]:
    """Return these files, and those images that lie in these folders, however deep."""
    images: list[Path] = []
    for path in paths:
        inside = sorted(
            p for p in path.rglob("*") if p.suffix.lower() in SUFFIXES and not p.is_dir()
        )
        images += inside if path.is_dir() else [path]
    return list(dict.fromkeys(images))


def header(classifier: Classifier) -> list[str]:
    """Return the names of a table's columns: each control's likeliest class, then all probabilities."""
    of = {control: f":{control}" if control else "" for control, _ in classifier.heads}
    likely = [f"most probable{of[control]}" for control, _ in classifier.heads]
    pairs = [(control, name) for control, classes in classifier.heads for name in classes]
    return ["image", *likely, *(f"probability{of[control]}:{name}" for control, name in pairs)]


def main() -> int:
    """Print a JSON object a line, or write a table; the number of images that could not be read."""
    parser = argparse.ArgumentParser(description="Classify images with the exported classifier.")
    parser.add_argument("paths", nargs="+", type=Path, metavar="IMAGE_OR_FOLDER")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="write a table instead of JSON")
    asked = parser.parse_args()
    classifier, failed = Classifier(), 0
    with ExitStack() as stack:
        table = None
        if asked.csv:
            try:  # a name that is no text (of another encoding) is written as far as it is
                file = asked.csv.open("w", newline="", encoding="utf-8", errors="backslashreplace")
            except OSError as error:
                parser.error(f"--csv {asked.csv}: {error.strerror}")
            table = csv.writer(stack.enter_context(file))
            table.writerow(header(classifier))
        for path, found in predict(classifier, named(asked.paths)):
            if isinstance(found, str):
                failed += 1
                print(f"{path}: {found}", file=sys.stderr)
            elif table:
                likely = [max(own, key=own.__getitem__) for own in found.values()]
                every = (p for own in found.values() for p in own.values())
                table.writerow([path, *likely, *every])
            else:
                print(
                    _line({"image": str(path), "probabilities": found.get("", found)}), flush=True
                )
    return failed


def _line(about: dict[str, Any]) -> str:
    """Return an object as JSON that the output can carry: file names may be no text."""
    line = json.dumps(about, ensure_ascii=False)
    try:
        line.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return json.dumps(about)
    return line


if __name__ == "__main__":
    try:
        raise SystemExit(1 if main() else 0)
    except BrokenPipeError:  # who reads, like `head`, has seen enough
        os._exit(1)
