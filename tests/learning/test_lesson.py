"""What a round learns from."""

import pytest
import torch

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.classifier import as_targets, fit_classifier, probabilities
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.settings import Settings
from tests.conftest import CONFIG
from tests.round_problem import lite0

ONE = parse_label_config(CONFIG)
SEVERAL = parse_label_config(CONFIG.replace("toName", 'choice="multiple" toName'))


@pytest.mark.parametrize(
    ("answers", "teaches"),
    [
        ([None, None], False),
        ([["cat"], None], False),
        ([["cat"], ["cat"]], False),
        ([["cat"], None, ["dog"]], True),
        ([["cat"], []], True),
    ],
)
def test_two_different_answers_teach(answers, teaches):
    texts = [None if answer is None else answer_text(answer) for answer in answers]
    nothing = torch.zeros(len(texts))
    assert Lesson(nothing, texts, nothing.bool()).teaches == teaches


@pytest.mark.parametrize("spec", [ONE, SEVERAL], ids=["one", "several"])
def test_it_learns_from_the_answers_alone(spec):
    backbone, settings = lite0(), Settings(seed=3)
    rows = torch.randn(6, *backbone.row_shape, generator=torch.Generator().manual_seed(0))
    known = {1: ["cat"], 4: ["dog"], 5: ["cat"]}
    answers = [answer_text(known[i]) if i in known else None for i in range(6)]
    servable = torch.tensor([True, False, True, False, False, False])
    steps = []
    found = Lesson(rows, answers, servable).learn(
        spec, backbone, settings, lambda *step: steps.append(step)
    )
    model = fit_classifier(
        backbone,
        rows[list(known)],
        as_targets(known.values(), spec.classes, spec.likelihood),
        num_classes=2,
        likelihood=spec.likelihood,
        pool_rows=rows,
        seed=3,
    )
    assert torch.equal(found.probs, probabilities(model, rows, spec.likelihood))
    assert found.labelled.nonzero().flatten().tolist() == list(known)
    assert found.servable is servable
    assert found.recipe == FactorRecipe.of(settings, spec)
    assert steps[-1] == (150, 150)
