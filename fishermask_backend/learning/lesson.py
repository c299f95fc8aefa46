"""What a round learns from, and how: answers to a trained network and what it thinks of the pool.

Rounds of a project and of `fishermask simulate` learn here alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fishermask_backend.controls.consensus import classes_of, unasked_of
from fishermask_backend.controls.heads import Head
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.calibration import Calibration
from fishermask_backend.learning.classifier import Progress
from fishermask_backend.learning.informed import informed
from fishermask_backend.learning.joint_classifier import fit_heads, joint_probabilities
from fishermask_backend.learning.objectives import Taught, as_targets
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
        """(N,) bool, images that have any answer."""
        return torch.tensor([answer is not None for answer in self.answers])

    def labelled_for(self, head: Head) -> Tensor:
        """(N,) bool, images whose answers say anything of a control."""
        known = [a is not None and head.asked(unasked_of(a)) for a in self.answers]
        return torch.tensor(known, dtype=torch.bool)

    def learnable(self, heads: Sequence[Head]) -> list[Head]:
        """Return the controls of which there are two different answers: fewer teach nothing."""
        return [head for head in heads if len(set(map(tuple, self._answers(head)))) > 1]

    def learn(
        self,
        heads: Sequence[Head],
        backbone: Backbone,
        settings: Settings,
        on_progress: Progress | None = None,
        trust: tuple[Calibration, ...] = (),
    ) -> Trained:
        """Train on what is labelled, and look at the whole pool.

        Args:
            heads: What is learned, all of it learnable.
            backbone: Whose rows these are.
            settings: The seed, and how factors will be made.
            on_progress: Called with steps done and steps in all.
            trust: `Trained.trust` of a training that hardly differs; empty: found out.
        """
        labelled = [self.labelled_for(head) for head in heads]
        some = torch.stack(labelled).any(0)
        taught = [self._taught(head, own[some]) for head, own in zip(heads, labelled, strict=True)]
        model = fit_heads(
            backbone,
            self.rows[some],
            taught,
            pool_rows=self.rows,
            seed=settings.seed,
            on_progress=on_progress,
        )
        if backbone.frozen:
            model, trust = informed(model, self.rows, some, taught, settings.seed, trust)
        asked = [(head.likelihood, len(head.classes)) for head in heads]
        recipes = [FactorRecipe.of(settings, head) for head in heads]
        trained = Trained(
            model=model,
            backbone=backbone.key,
            rows=self.rows,
            probs=joint_probabilities(model, self.rows, asked),
            labelled=some,
            servable=self.servable,
            recipe=recipes[0],
            trust=trust,
        )
        return trained if len(heads) == 1 else trained.of_heads(recipes, labelled)

    def _known(self, head: Head) -> list[str]:
        """Return the answers that say anything of a control, in the order of their images."""
        return [a for a in self.answers if a is not None and head.asked(unasked_of(a))]

    def _answers(self, head: Head) -> list[list[str]]:
        """Return which of a control's classes each of these answers names."""
        return [head.own(classes_of(answer)) for answer in self._known(head)]

    def _taught(self, head: Head, known: Tensor) -> Taught:
        targets = as_targets(
            self._answers(head),
            head.classes,
            head.likelihood,
            [head.own(unasked_of(answer)) for answer in self._known(head)],
        )
        return Taught(head.likelihood, len(head.classes), known, targets)
