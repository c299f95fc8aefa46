"""What a classifier thinks of labelled images when it is trained without them (cross-fitting).

A network knows the images that it was trained on. Each image here is judged by one that was trained on
everything but a few of them, in the same way, and so is hardly worse than the one that serves. That is
for frozen backbones alone, whose heads take a third of a second; a network trained whole takes minutes.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from fishermask_backend.controls.heads import Head
from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.calibration import Calibration
from fishermask_backend.learning.folds import folds
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.settings import Settings


def held_out(
    lesson: Lesson,
    heads: Sequence[Head],
    backbone: Backbone,
    settings: Settings,
    places: Sequence[int],
) -> Tensor:
    """Return class probabilities of labelled images by classifiers trained without them.

    Args:
        lesson: All that is learnt from.
        heads: What is learned, all of it learnable.
        backbone: Whose rows these are; a frozen one.
        settings: The seed; see `Lesson.learn`.
        places: M, those of the images, all of them labelled. The others are in every training.

    Returns:
        (M, ΣC) float32; NaN where the rest of the labels would teach some control nothing.
    """
    found = torch.full((len(places), sum(len(head.classes) for head in heads)), torch.nan)
    trust: tuple[Calibration, ...] = ()  # two numbers a head: the first fold's do for all
    for fold in folds([lesson.answers[place] or "" for place in places], settings.seed):
        left_out = [places[i] for i in fold]
        answers = list(lesson.answers)
        for place in left_out:
            answers[place] = None
        rest = replace(lesson, answers=answers)
        if len(rest.learnable(heads)) == len(heads):
            trained = rest.learn(heads, backbone, settings, trust=trust)
            found[fold], trust = trained.probs[left_out], trained.trust
    return found
