"""What a round learns from, and how: answers to a trained network and what it thinks of the pool.

Rounds of a project and of `fishermask simulate` learn here alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fishermask_backend.controls.consensus import classes_of, unasked_of
from fishermask_backend.labeling import LabelSpec
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import (
    Progress,
    as_targets,
    fit_classifier,
    probabilities,
)
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.trained import Trained
from fishermask_backend.settings import Settings


@dataclass(frozen=True)
class Lesson:
    """A pool of N images, some of which are answered.

    Attributes:
        rows: (N, ...).
        answers: N, each as `answer_text` writes it; None: not labelled.
        servable: (N,) bool, images that Label Studio would still serve.
    """

    rows: Tensor
    answers: Sequence[str | None]
    servable: Tensor

    @property
    def labelled(self) -> Tensor:
        """(N,) bool."""
        return torch.tensor([answer is not None for answer in self.answers])

    @property
    def teaches(self) -> bool:
        """Whether there are two different answers: fewer teach nothing."""
        known = (answer for answer in self.answers if answer is not None)
        return len({tuple(classes_of(answer)) for answer in known}) > 1

    def learn(
        self,
        spec: LabelSpec,
        backbone: Backbone,
        settings: Settings,
        on_progress: Progress | None = None,
    ) -> Trained:
        """Train on what is labelled, and look at the whole pool.

        Args:
            spec: What is learned.
            backbone: Whose rows these are.
            settings: The seed, and how factors will be made.
            on_progress: Called with steps done and steps in all.
        """
        labelled = self.labelled
        known = [answer for answer in self.answers if answer is not None]
        model = fit_classifier(
            backbone,
            self.rows[labelled],
            as_targets(
                map(classes_of, known), spec.classes, spec.likelihood, map(unasked_of, known)
            ),
            num_classes=len(spec.classes),
            likelihood=spec.likelihood,
            pool_rows=self.rows,
            seed=settings.seed,
            on_progress=on_progress,
        )
        return Trained(
            model=model,
            backbone=backbone.key,
            rows=self.rows,
            probs=probabilities(model, self.rows, spec.likelihood),
            labelled=labelled,
            servable=self.servable,
            recipe=FactorRecipe.of(settings, spec),
        )
