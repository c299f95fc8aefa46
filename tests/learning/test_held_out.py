"""Images are judged by classifiers that were trained without them."""

import pytest
import torch

from fishermask_backend.controls.consensus import answer_text
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.folds import folds
from fishermask_backend.learning.held_out import held_out
from fishermask_backend.learning.lesson import Lesson
from fishermask_backend.settings import Settings
from tests.conftest import CONFIG
from tests.round_problem import lite0

SPEC = parse_label_config(CONFIG)
SETTINGS = Settings(seed=1)
LABELLED, POOL = 24, 30


@pytest.fixture(scope="module")
def backbone():
    return lite0()


def lesson_of(answers, backbone):
    """Rows that say nothing: what a classifier knows of their labels it has learnt by heart."""
    rows = torch.randn(POOL, *backbone.row_shape, generator=torch.Generator().manual_seed(0))
    texts = [answer_text(a) for a in answers] + [None] * (POOL - len(answers))
    return Lesson(rows, texts, torch.tensor([text is None for text in texts]))


def test_they_are_trained_without_it_as_the_round_s_is(backbone):
    answers = [["cat"] if i % 2 else ["dog"] for i in range(LABELLED)]
    lesson, places = lesson_of(answers, backbone), [0, 3, 5, 8, 9, 10, 17]
    found = held_out(lesson, SPEC.heads, backbone, SETTINGS, places)
    trust = ()  # the first fold's
    for fold in folds([lesson.answers[place] for place in places], SETTINGS.seed):
        left_out = [places[i] for i in fold]
        kept = [None if i in left_out else a for i, a in enumerate(lesson.answers)]
        alone = Lesson(lesson.rows, kept, lesson.servable)
        trained = alone.learn(SPEC.heads, backbone, SETTINGS, trust=trust)
        trust = trust or trained.trust
        assert torch.equal(found[fold], trained.probs[left_out])


def test_what_is_learnt_by_heart_does_not_help(backbone):
    generator = torch.Generator().manual_seed(2)
    coins = torch.randint(2, (LABELLED,), generator=generator).tolist()
    lesson = lesson_of([["cat"] if coin else ["dog"] for coin in coins], backbone)
    places = list(range(LABELLED))
    own = lesson.learn(SPEC.heads, backbone, SETTINGS).probs[places, 0]
    other = held_out(lesson, SPEC.heads, backbone, SETTINGS, places)[:, 0]
    truth = torch.tensor(coins, dtype=torch.bool)
    assert ((own > 0.5) == truth).all()
    assert ((other > 0.5) == truth).float().mean() < 0.8


def test_where_the_rest_teaches_nothing_nothing_is_said(backbone):
    answers = [["cat"]] * 6 + [["dog"]]  # without the dog there is one answer alone
    found = held_out(lesson_of(answers, backbone), SPEC.heads, backbone, SETTINGS, [0, 6])
    assert found[0].isfinite().all()
    assert found[1].isnan().all()
