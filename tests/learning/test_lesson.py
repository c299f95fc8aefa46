"""What a round learns from."""

from math import nan

import pytest
import torch

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.classifier import fit_classifier, probabilities
from fishermask_backend.learning.informed import informed
from fishermask_backend.learning.joint_classifier import fit_heads, joint_probabilities
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.learning.objectives import Taught, as_targets
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.settings import Settings
from tests.conftest import CONFIG
from tests.fisher_problem import TWO
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
    spec = SEVERAL if [] in answers else ONE
    texts = [None if answer is None else answer_text(answer) for answer in answers]
    nothing = torch.zeros(len(texts))
    assert Lesson(nothing, texts, nothing.bool()).learnable(spec.heads) == [*spec.heads] * teaches


@pytest.mark.parametrize("spec", [ONE, SEVERAL], ids=["one", "several"])
def test_it_learns_from_the_answers_alone(spec):
    backbone, settings = lite0(), Settings(seed=3)
    rows = torch.randn(6, *backbone.row_shape, generator=torch.Generator().manual_seed(0))
    known = {1: ["cat"], 4: ["dog"], 5: ["cat"]}
    answers = [answer_text(known[i]) if i in known else None for i in range(6)]
    servable = torch.tensor([True, False, True, False, False, False])
    steps = []
    found = Lesson(rows, answers, servable).learn(
        spec.heads, backbone, settings, lambda *step: steps.append(step)
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
    targets = as_targets(known.values(), spec.classes, spec.likelihood)
    taught = [Taught(spec.likelihood, 2, torch.ones(3).bool(), targets)]
    model, trust = informed(model, rows, found.labelled, taught, seed=3)
    assert torch.equal(found.probs, probabilities(model, rows, spec.likelihood))
    assert found.trust == trust
    assert found.labelled.nonzero().flatten().tolist() == list(known)
    assert found.servable is servable
    assert found.recipe == FactorRecipe.of(settings, spec)
    assert steps[-1] == (150, 150)


TREE, BEAST = TWO.heads
ANSWERS = [
    answer_text([TREE.names[0], BEAST.names[1]]),
    answer_text([TREE.names[1]], BEAST.names),
    None,
    answer_text([BEAST.names[0]], TREE.names),
    answer_text([TREE.names[1]], BEAST.names[2:]),
    None,
]


def test_each_control_is_learnt_from_the_images_that_answer_it():
    backbone, settings = lite0(), Settings(seed=3)
    rows = torch.randn(6, *backbone.row_shape, generator=torch.Generator().manual_seed(0))
    servable = torch.tensor([False, False, True, False, False, True])
    lesson = Lesson(rows, ANSWERS, servable)
    assert lesson.labelled_for(TREE).nonzero().flatten().tolist() == [0, 1, 4]
    assert lesson.labelled_for(BEAST).nonzero().flatten().tolist() == [0, 3, 4]
    assert lesson.learnable(TWO.heads) == [TREE, BEAST]
    found = lesson.learn(TWO.heads, backbone, settings)
    known = [lesson.labelled_for(head) for head in TWO.heads]
    taught = [
        Taught("categorical", 2, known[0][[0, 1, 3, 4]], torch.tensor([0, 1, 1])),
        Taught(
            "bernoulli", 3, known[1][[0, 1, 3, 4]],
            torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, nan]]),
        ),
    ]  # fmt: skip
    model = fit_heads(backbone, rows[[0, 1, 3, 4]], taught, pool_rows=rows, seed=3)
    model, trust = informed(model, rows, found.labelled, taught, seed=3)
    asked = [("categorical", 2), ("bernoulli", 3)]
    assert torch.equal(found.probs, joint_probabilities(model, rows, asked))
    assert found.trust == trust
    assert found.labelled.tolist() == [True, True, False, True, True, False]
    assert [head.labelled.tolist() for head in found.heads] == [k.tolist() for k in known]
    assert [head.recipe.likelihood for head in found.heads] == ["categorical", "bernoulli"]


def test_a_control_with_one_answer_waits_for_the_other():
    lesson = Lesson(torch.zeros(5, 1280), ANSWERS[1:], torch.zeros(5).bool())
    assert lesson.learnable(TWO.heads) == [BEAST]
    trained = lesson.learn([BEAST], lite0(), Settings())
    assert trained.heads == (trained,)
    assert trained.probs.shape == (5, 3)
    assert trained.labelled.tolist() == [False, False, True, True, False]
