"""The order of a pool by FisherMask: its picks, then the rest, with and without enough memory."""

from dataclasses import replace

import pytest
import torch

from fishermask_backend.fisher import fisher_diagonal, fisher_mask, masked_factors, select_batch
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning import candidates
from fishermask_backend.learning.classifier import probabilities
from fishermask_backend.learning.ordering import QUEUE_END
from fishermask_backend.learning.reasons import COMPARED, STANDS_OUT
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.strategies import load_scorer
from fishermask_backend.learning.strategies.bait import BAIT
from fishermask_backend.learning.strategies.fishermask import FISHERMASK
from fishermask_backend.learning.target import undecided
from fishermask_backend.learning.tensors import TensorsUnusable, load_tensors, save_tensors
from tests.conftest import CONFIG
from tests.fisher_problem import ENVIRONMENT as WHOLE_NETWORK
from tests.fisher_problem import small_problem
from tests.trained_head import (
    CLOSED,
    ENVIRONMENT,
    LABELLED,
    POOL,
    QUEUE,
    features,
    head,
    marks,
    trained,
)

SPEC = parse_label_config(CONFIG)
CLASSES = len(SPEC.classes)


@pytest.fixture
def model():
    return head(CLASSES)


@pytest.fixture
def rows():
    return features()


@pytest.fixture
def mask(model, rows):
    return fisher_mask(fisher_diagonal(model, rows), model, inner=10)


@pytest.fixture
def small(configured):
    """Queues of six, and as much memory as a test asks for."""
    return lambda **more: configured(**{**ENVIRONMENT, **more})


def order_of(settings, model=None, servable=~CLOSED, strategy=FISHERMASK):
    return strategy.order(trained(settings, SPEC, model, servable), settings, lambda stage: None)


def ranking(order):
    return torch.argsort(order.scores, stable=True).tolist()


@pytest.mark.parametrize("target", ["undecided", "pool"])
def test_queue_is_the_greedy_selection(model, rows, mask, small, target):
    settings = small(TARGET=target)
    probs = probabilities(model, rows, "categorical")
    weights = {"undecided": undecided(probs, "categorical"), "pool": torch.ones(len(rows))}
    order = order_of(settings)
    open_or_labelled = torch.nonzero(LABELLED | ~CLOSED).flatten()
    chosen = select_batch(
        masked_factors(model, rows[open_or_labelled], mask),
        LABELLED[open_or_labelled],
        QUEUE,
        ridge=settings.ridge,
        pick_weight="sample",
        target=weights[target][open_or_labelled],
    )
    picks = open_or_labelled[chosen.indices]
    assert ranking(order)[:QUEUE] == picks.tolist()
    assert torch.allclose(order.gains[picks], chosen.gains)
    assert (order.scores[picks] < QUEUE_END).all()
    assert list(order.notes) == []
    assert torch.equal(order.scorer.mask, mask)


@pytest.mark.parametrize("limit", [{}, {"POOL_LIMIT": "10"}])
def test_images_that_were_looked_at_have_reasons(small, limit):
    order = order_of(small(**limit))
    looked_at = 10 if limit else int((order.scores < 1.0).sum())
    assert len(order.reasons) == looked_at
    assert {*ranking(order)[:QUEUE]} < {*order.reasons}
    told = [reason for reasons in order.reasons.values() for reason in reasons]
    assert {reason.part for reason in told} <= {*COMPARED}
    assert all(STANDS_OUT[0] <= reason.above <= 1 and reason.value > 0 for reason in told)
    firsts = [reasons[0].above for reasons in order.reasons.values() if len(reasons) == 2]
    assert firsts
    assert min(firsts) >= STANDS_OUT[1]


def test_a_rare_class_is_a_reason_as_the_target_counts_it(small):
    for target, known in (("undecided", True), ("pool", False)):
        settings = small(TARGET=target)
        given = trained(settings, SPEC)
        probs = torch.full((POOL, CLASSES), 0.02)
        probs[:, 0], probs[7] = 1 - 0.02 * (CLASSES - 1), 0.02
        probs[7, 1] = 1 - 0.02 * (CLASSES - 1)
        order = FISHERMASK.order(replace(given, probs=probs), settings, lambda stage: None)
        parts = {image: [r.part for r in own] for image, own in order.reasons.items()}
        assert ("rare" in parts[7]) is known
        assert not any("rare" in own for image, own in parts.items() if image != 7)


def test_labelled_and_closed_images_come_last(small):
    order = order_of(small())
    assert (order.scores[CLOSED] == 1.0).all()
    assert (order.scores[~CLOSED] < 1.0).all()
    assert len(set(order.scores[~CLOSED].tolist())) == int((~CLOSED).sum())
    rest = torch.tensor([i for i in ranking(order)[QUEUE:] if not CLOSED[i]])
    assert (order.gains[rest].diff() <= 0).all()
    assert (order.gains[LABELLED] == 0).all()


def test_fewer_open_images_than_a_queue(small):
    order = order_of(small(), servable=marks(7, 11))
    assert sorted(ranking(order)[:2]) == [7, 11]
    assert int((order.scores < 1.0).sum()) == 2


def test_memory_limit_leaves_some_to_marginal_gain(small):
    order = order_of(small(MEMORY_LIMIT="1"))
    note, exceeded = order.notes
    assert "MEMORY_LIMIT" in note
    assert "is exceeded: labelled images and a queue" in exceeded
    assert f"random {4 + QUEUE} of {POOL - 2} images" in note
    assert (order.scores[~CLOSED] < 1.0).all()
    assert int((order.scores < QUEUE_END).sum()) == QUEUE
    again = order_of(small(MEMORY_LIMIT="1"))
    assert torch.equal(order.scores, again.scores)
    other = order_of(small(MEMORY_LIMIT="1", SEED="3"))
    assert ranking(order)[:QUEUE] != ranking(other)[:QUEUE]


def test_pool_limit_draws_the_candidates(small):
    order = order_of(small(POOL_LIMIT="10"))
    (note,) = order.notes
    assert "POOL_LIMIT=10" in note
    assert f"of {POOL - 6} unlabelled" in note
    assert (order.scores[~CLOSED] < 1.0).all()
    exact = order_of(small(POOL_LIMIT="0"))
    assert list(exact.notes) == []
    assert ranking(order)[:QUEUE] != ranking(exact)[:QUEUE]


@pytest.mark.parametrize("factors", ["bfloat16", "disk"])
def test_smaller_factors_pick_alike_and_say_so(configured, factors):
    network = {**WHOLE_NETWORK, "QUEUE_MARGIN": "2"}

    def of_the_network(factors):
        settings = configured(**network, FACTORS=factors)
        trained, _ = small_problem(settings, POOL)
        return FISHERMASK.order(trained, settings, lambda stage: None), settings

    order, settings = of_the_network(factors)
    exact, _ = of_the_network("float32")
    assert f"FACTORS={factors}" in order.notes[0]
    assert torch.allclose(order.gains, exact.gains, rtol=0.05)
    assert len(set(ranking(order)[:QUEUE]) & set(ranking(exact)[:QUEUE])) >= QUEUE - 1
    assert not list(settings.model_dir.glob("factors*"))


@pytest.mark.parametrize("factors", ["bfloat16", "disk"])
def test_a_head_s_factors_are_not_rounded(small, factors):
    order, exact = order_of(small(FACTORS=factors)), order_of(small(FACTORS="float32"))
    assert list(order.notes) == []
    assert torch.equal(order.scores, exact.scores)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("factors", ["float32", "bfloat16", "disk"])
def test_the_same_order_on_a_gpu(model, small, factors):
    settings = small(FACTORS=factors)
    expected = order_of(settings)
    order = order_of(settings, model.cuda())
    assert ranking(order)[:QUEUE] == ranking(expected)[:QUEUE]
    assert torch.allclose(order.gains, expected.gains, rtol=1e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("inner", ["10", "54"])
def test_a_stored_scorer_beside_a_network_on_a_gpu(model, rows, small, tmp_path, inner):
    order_of(small(MASK_INNER=inner)).scorer.save(tmp_path / "scorer.safetensors")
    scorer = load_scorer(tmp_path / "scorer.safetensors")
    expected = scorer.gains(model, rows)
    assert torch.allclose(scorer.gains(model.cuda(), rows), expected, rtol=1e-4)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_too_small_for_the_pool(model, small, monkeypatch):
    settings = small()
    monkeypatch.setattr(candidates, "free_gpu_bytes", lambda device: 2**30 + 10_000)
    order = order_of(settings, model.cuda())
    assert "above what is free on the GPU (1.0 GiB)" in order.notes[0]
    assert len(set(ranking(order))) == POOL


@pytest.mark.parametrize(
    "options", [{}, {"TOP_CLASSES": "1"}, {"MAX_DIM": "9", "MAX_DIM_RULE": "sketch"}]
)
def test_later_images_are_placed_by_the_stored_scorer(model, rows, small, tmp_path, options):
    order = order_of(small(**options))
    order.scorer.save(tmp_path / "scorer.safetensors")
    scorer = load_scorer(tmp_path / "scorer.safetensors")
    assert torch.equal(scorer.mask, order.scorer.mask)
    rest = [i for i in ranking(order)[QUEUE:] if not CLOSED[i]]
    gains = scorer.gains(model, rows[rest])
    assert torch.allclose(gains, order.gains[rest].to(gains.dtype), rtol=1e-4)


def test_a_scorer_from_before_there_were_strategies(model, rows, small, tmp_path):
    scorer, path = order_of(small()).scorer, tmp_path / "old.safetensors"
    tensors = {**scorer.state.to_tensors(), "mask": scorer.mask}
    save_tensors(path, tensors, scorer.recipe.to_metadata())
    assert torch.equal(load_scorer(path).gains(model, rows), scorer.gains(model, rows))


@pytest.mark.parametrize("missing", ["mask", "matrices", "diagonal", "scale", "recipe"])
def test_a_scorer_that_is_not_whole_is_unusable(small, tmp_path, missing):
    path = tmp_path / "scorer.safetensors"
    order_of(small()).scorer.save(path)
    tensors, metadata = load_tensors(path)
    tensors.pop(missing, None)
    metadata.pop(missing, None)
    save_tensors(path, tensors, metadata)
    with pytest.raises(TensorsUnusable, match="the next round writes a new one") as unusable:
        load_scorer(path)
    assert missing in str(unusable.value)


MANY = [f"kind {i}" for i in range(60)]
MANY_SPEC = parse_label_config(
    '<View><Image name="i" value="$i"/><Choices name="c" toName="i">'
    + "".join(f'<Choice value="{name}"/>' for name in MANY)
    + "</Choices></View>"
)


def many_classes(settings):
    return FISHERMASK.order(trained(settings, MANY_SPEC), settings, lambda stage: None)


def test_of_many_classes_enough_are_chosen_and_that_is_said(small):
    order = many_classes(small())
    assert order.scorer.recipe.top_classes == 40
    (note,) = order.notes
    assert note.startswith("TOP_CLASSES: of 60 classes the 40 most probable of each image count; ")
    assert note.endswith(" at most. TOP_CLASSES=60 looks at all.")
    asked = many_classes(small(TOP_CLASSES="40"))
    assert torch.equal(asked.scores, order.scores)
    assert asked.notes[0].startswith("TOP_CLASSES=40 of 60: the classes left out weigh ")


def test_as_many_classes_as_there_are_means_all(small):
    order = many_classes(small(TOP_CLASSES="60"))
    assert order.scorer.recipe.top_classes is None
    assert list(order.notes) == []


def test_bait_looks_at_the_last_layer_alone(model, small):
    order = order_of(small(), strategy=BAIT)
    sizes = [p.numel() for p in model.parameters()]
    assert order.scorer.mask.tolist() == [*range(sum(sizes[:2]), sum(sizes))]
    assert order_of(small(MASK_INNER="0")).scores.tolist() == order.scores.tolist()


def test_a_network_s_head_is_looked_for_once(model, rows, small, monkeypatch):
    scorer = order_of(small()).scorer
    looked = []
    find = FactorRecipe.head
    monkeypatch.setattr(FactorRecipe, "head", lambda *a: looked.append(a) or find(*a))
    expected = scorer.gains(model, rows)
    found = [float(scorer.gains(model, row)) for row in rows.unsqueeze(1)]
    assert found == pytest.approx(expected.tolist(), rel=1e-5)
    assert len(looked) == 1
