"""What a strategy is given: a trained network, and the pool it is to choose from."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import load_classifier, save_classifier
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.tensors import load_tensors, save_tensors


@dataclass(frozen=True)
class Trained:
    """A trained network and its pool of N images.

    Attributes:
        model: The classifier, in eval mode; takes rows.
        backbone: Key of the backbone whose rows these are.
        rows: (N, ...) the pool, whole for every process.
        probs: (N, C) float32 on the CPU, the network's class probabilities.
        labelled: (N,) bool, images trained on.
        servable: (N,) bool, images that Label Studio would still serve.
        recipe: How factors are made of the network.
        on_pick: Called with the images picked so far, and of how many, while a queue is picked.
    """

    model: nn.Module
    backbone: str
    rows: Tensor
    probs: Tensor
    labelled: Tensor
    servable: Tensor
    recipe: FactorRecipe
    on_pick: Callable[[int, int], None] = field(default=lambda _done, _of: None, repr=False)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.model.parameters()).device

    @property
    def num_classes(self) -> int:
        """C."""
        return self.probs.shape[1]

    def save(self, folder: Path) -> None:
        """Write all of it into a folder, for other processes.

        Raises:
            OSError: There is no room for a copy of the rows.
        """
        np.save(folder / "rows.npy", self.rows.numpy())
        about = {"backbone": self.backbone, "num_classes": str(self.num_classes)}
        save_classifier(folder / "classifier.safetensors", self.model, about)
        pool = {"probs": self.probs, "labelled": self.labelled, "servable": self.servable}
        save_tensors(folder / "pool.safetensors", pool, self.recipe.to_metadata())

    @classmethod
    def load(cls, folder: Path, backbone: Backbone) -> "Trained":
        """Read what `save` wrote: the network onto the backbone's device, rows as they are needed.

        Raises:
            TensorsUnusable: A file is missing or damaged, or another backbone's.
        """
        model = load_classifier(folder / "classifier.safetensors", backbone).to(backbone.device)
        rows = torch.from_numpy(np.load(folder / "rows.npy", mmap_mode="c"))
        pool, metadata = load_tensors(folder / "pool.safetensors")
        probs, labelled, servable = (pool[name] for name in ("probs", "labelled", "servable"))
        recipe = FactorRecipe.from_metadata(metadata)
        return cls(model, backbone.key, rows, probs, labelled, servable, recipe)
