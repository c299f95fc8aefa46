"""What a strategy is given: a trained network, and the pool it is to choose from."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.calibration import Calibration
from fishermask_backend.learning.classifier import load_classifier, save_classifier
from fishermask_backend.learning.heads import each_head
from fishermask_backend.learning.likeness import likeness_network, stored_likeness
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.tensors import load_tensors, save_tensors

LIKENESS = "likeness.safetensors"


@dataclass(frozen=True)
class Trained:
    """A trained network and its pool of N images.

    Where several controls are learnt, the network has a head for each. A strategy that looks at
    probabilities or at factors looks at each of `heads`.

    Attributes:
        model: The classifier, in eval mode; takes rows.
        backbone: Key of the backbone whose rows these are.
        rows: (N, ...) the pool, whole for every process.
        probs: (N, C) float32 on the CPU, the network's class probabilities, of one head behind the
            other's.
        labelled: (N,) bool, images trained on, by any head.
        servable: (N,) bool, images that Label Studio would still serve.
        recipe: How factors are made of the network; of several heads, of the first.
        parts: Of several heads, each as a network of its own over the same pool.
        trust: What each head's logits and the pool's evidence count, where that was found out.
        likeness: What factors are made of instead of the network (`likeness.py`); None: of the network.
        on_pick: Called with the images picked so far, and of how many, while a queue is picked.
    """

    model: nn.Module
    backbone: str
    rows: Tensor
    probs: Tensor
    labelled: Tensor
    servable: Tensor
    recipe: FactorRecipe
    parts: tuple["Trained", ...] = ()
    trust: tuple[Calibration, ...] = ()
    likeness: nn.Module | None = None
    on_pick: Callable[[int, int], None] = field(default=lambda _done, _of: None, repr=False)

    @property
    def heads(self) -> tuple["Trained", ...]:
        """Each head as a network of its own; `labelled` tells there what is labelled for it."""
        return self.parts or (self,)

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return next(self.model.parameters()).device

    @property
    def num_classes(self) -> int:
        """C."""
        return self.probs.shape[1]

    @property
    def measured(self) -> nn.Module:
        """What factors are made of."""
        return self.model if self.likeness is None else self.likeness

    def by_likeness(self, seed: int) -> "Trained":
        """Return the same with factors of how alike images are; the rows are a frozen backbone's.

        Args:
            seed: Of the draw of images to compare with.
        """
        likeness = likeness_network(self.rows, self.device, seed)
        parts = tuple(replace(part, likeness=likeness) for part in self.parts)
        found = replace(self, likeness=likeness, parts=parts)
        return found.with_recipes([head.recipe.by_likeness() for head in found.heads])

    def of_heads(self, recipes: Sequence[FactorRecipe], labelled: Sequence[Tensor]) -> "Trained":
        """Return the same of a network with several heads.

        Args:
            recipes: How factors are made of each.
            labelled: (N,) bool, which images are labelled for each.
        """
        networks = each_head(self.model)
        sizes = [int(network(self.rows[:1].to(self.device)).shape[1]) for network in networks]
        parts = zip(networks, torch.split(self.probs, sizes, 1), labelled, recipes, strict=True)
        return replace(
            self,
            parts=tuple(
                replace(self, model=network, probs=probs, labelled=own, recipe=recipe)
                for network, probs, own, recipe in parts
            ),
        )

    def with_recipes(self, recipes: Sequence[FactorRecipe]) -> "Trained":
        """Return the same with other recipes, one for each of `heads`."""
        heads = zip(self.heads, recipes, strict=True)
        changed = tuple(replace(head, recipe=recipe) for head, recipe in heads)
        return replace(self, recipe=recipes[0], parts=changed if self.parts else ())

    def save(self, folder: Path) -> None:
        """Write all of it into a folder, for other processes.

        Raises:
            OSError: There is no room for a copy of the rows.
        """
        np.save(folder / "rows.npy", self.rows.numpy())
        about = {"backbone": self.backbone, "num_classes": str(self.num_classes)}
        if self.parts:
            about["sizes"] = json.dumps([head.num_classes for head in self.parts])
        save_classifier(folder / "classifier.safetensors", self.model, about)
        pool = {"probs": self.probs, "labelled": self.labelled, "servable": self.servable}
        own = {f"labelled.{n}": head.labelled for n, head in enumerate(self.parts)}
        if self.likeness is not None:
            save_tensors(folder / LIKENESS, self.likeness.state_dict())
        recipes = json.dumps([head.recipe.to_metadata() for head in self.heads])
        save_tensors(folder / "pool.safetensors", {**pool, **own}, {"recipes": recipes})

    @classmethod
    def load(cls, folder: Path, backbone: Backbone) -> "Trained":
        """Read what `save` wrote: the network onto the backbone's device, rows as they are needed.

        Raises:
            TensorsUnusable: A file is missing or damaged, or another backbone's.
        """
        model = load_classifier(folder / "classifier.safetensors", backbone).to(backbone.device)
        rows = torch.from_numpy(np.load(folder / "rows.npy", mmap_mode="c"))
        pool, metadata = load_tensors(folder / "pool.safetensors")
        labelled = [pool.pop(f"labelled.{n}") for n in range(len(pool) - 3)]
        recipes = [FactorRecipe.from_metadata(about) for about in json.loads(metadata["recipes"])]
        own = pool["probs"], pool["labelled"], pool["servable"]
        likeness = None
        if (folder / LIKENESS).exists():
            likeness = stored_likeness(load_tensors(folder / LIKENESS)[0]).to(backbone.device)
        trained = cls(model, backbone.key, rows, *own, recipes[0], likeness=likeness)
        return trained.of_heads(recipes, labelled) if labelled else trained
