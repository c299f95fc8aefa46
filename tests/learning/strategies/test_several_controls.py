"""Strategies where several controls are learnt: the sum over them of what each says."""

from dataclasses import replace

import pytest
import torch

from fishermask_backend.learning.ordering import QUEUE_END
from fishermask_backend.learning.strategies import STRATEGIES, load_scorer
from fishermask_backend.learning.tensors import TensorsUnusable, load_tensors, save_tensors
from tests.fisher_problem import ENVIRONMENT, HEAD, two_heads

POOL = 60


@pytest.fixture
def given(configured):
    settings = configured(**{**ENVIRONMENT, **HEAD}, MASK_INNER="20")
    return two_heads(settings, POOL), settings


def ordered(given, name):
    trained, settings = given
    return STRATEGIES[name].order(trained, settings, lambda stage: None)


@pytest.mark.parametrize("name", ["fishermask", "bait", "margin", "entropy", "random"])
def test_a_stored_scorer_places_later_images_by_the_sum(given, tmp_path, name):
    trained, settings = given
    order = ordered(given, name)
    open_ = trained.servable & ~trained.labelled
    assert int((order.scores < QUEUE_END).sum()) == settings.queue_size
    assert bool((order.scores[~open_] == 1.0).all())
    order.scorer.save(tmp_path / "scorer.safetensors")
    gains = load_scorer(tmp_path / "scorer.safetensors").gains(trained.model, trained.rows)
    behind = open_ & (order.scores >= QUEUE_END)
    torch.testing.assert_close(gains[behind], order.gains[behind], rtol=1e-4, atol=1e-9)


@pytest.mark.parametrize("name", ["margin", "entropy"])
def test_the_least_certain_images_of_all_controls_together_come_first(given, name):
    trained, settings = given
    measures = STRATEGIES[name].measures
    species, seen = (head.probs.double() for head in trained.heads)
    unsure = measures["categorical"](species) + measures["bernoulli"](seen)
    unsure[~trained.servable] = -1
    size = settings.queue_size
    assert (
        ordered(given, name).scores.argsort()[:size].tolist() == unsure.topk(size).indices.tolist()
    )


def test_a_scorer_that_lacks_a_head_is_unusable(given, tmp_path):
    path = tmp_path / "scorer.safetensors"
    ordered(given, "fishermask").scorer.save(path)
    tensors, metadata = load_tensors(path)
    save_tensors(path, {n: t for n, t in tensors.items() if not n.startswith("1.")}, metadata)
    with pytest.raises(TensorsUnusable, match="the next round writes a new one"):
        load_scorer(path)


def test_a_package_that_knows_one_classifier_picks_for_each_control_in_turn(given):
    pytest.importorskip("skactiveml")
    trained, settings = given
    size = settings.queue_size
    scores = ordered(given, "badge").scores
    queue = scores.argsort(stable=True)[: int((scores < QUEUE_END).sum())].tolist()
    own = [
        STRATEGIES["badge"]
        .order(replace(head, labelled=trained.labelled), settings, lambda stage: None)
        .scores.argsort(stable=True)[:size]
        .tolist()
        for head in trained.heads
    ]
    in_turn = dict.fromkeys(image for pair in zip(*own, strict=True) for image in pair)
    assert len(queue) == size
    assert queue[0] == own[0][0]
    assert set(queue) <= {*in_turn}
