"""The order of a pool: FisherMask's picks, then the rest, with and without enough memory."""

import pytest
import torch

from fishermask_backend import acquisition
from fishermask_backend.acquisition import _memories, _within_memory, acquire
from fishermask_backend.classifier import probabilities
from fishermask_backend.fisher import (
    Shards,
    fisher_diagonal,
    fisher_mask,
    masked_factors,
    select_batch,
)
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.ordering import (
    QUEUE_END,
    fisher_order,
    load_scorer,
    new_gains,
    placed,
)
from fishermask_backend.recipe import FactorRecipe
from fishermask_backend.settings import load_settings
from fishermask_backend.tensors import TensorsUnusable, save_tensors
from tests.conftest import CONFIG

SPEC = parse_label_config(CONFIG)
CLASSES = len(SPEC.classes)
POOL, QUEUE = 40, 6


@pytest.fixture
def model():
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, 2)).eval()


@pytest.fixture
def rows():
    return torch.randn(POOL, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mask(model, rows):
    return fisher_mask(fisher_diagonal(model, rows), model, inner=10)


@pytest.fixture
def small(settings, monkeypatch):
    """Queues of six, and as much memory as a test asks for."""

    def make(**more):
        for name, value in {
            "BATCH_SIZE": "4",
            "QUEUE_MARGIN": "2",
            "MASK_INNER": "10",
            **more,
        }.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        return load_settings()

    return make


def marks(*indices):
    found = torch.zeros(POOL, dtype=torch.bool)
    found[list(indices)] = True
    return found


LABELLED = marks(0, 5, 9, 30)
CLOSED = marks(0, 5, 9, 30, 2, 3)  # labelled, or served to nobody any more


def order_of(model, rows, servable, settings):
    recipe = FactorRecipe.of(settings, SPEC)
    probs = probabilities(model, rows, "categorical")
    found = acquire(model, rows, probs, LABELLED, servable, recipe, settings)
    return fisher_order(found, model, rows, servable, recipe, settings.queue_size)


def ranking(order):
    return torch.argsort(order.scores, stable=True).tolist()


def test_places():
    scores = placed(torch.tensor([4, 1, 0]), 5, queue_size=2).scores
    assert scores.tolist() == [0.5, 0.25, 1.0, 1.0, 0.0]
    assert placed(torch.tensor([], dtype=torch.long), 2, queue_size=2).scores.tolist() == [1.0, 1.0]


def test_queue_is_the_greedy_selection(model, rows, mask, small):
    settings = small()
    order = order_of(model, rows, ~CLOSED, settings)
    open_or_labelled = torch.nonzero(LABELLED | ~CLOSED).flatten()
    chosen = select_batch(
        masked_factors(model, rows[open_or_labelled], mask),
        LABELLED[open_or_labelled],
        QUEUE,
        ridge=settings.ridge,
        pick_weight="sample",
    )
    picks = open_or_labelled[chosen.indices]
    assert ranking(order)[:QUEUE] == picks.tolist()
    assert torch.allclose(order.gains[picks], chosen.gains)
    assert (order.scores[picks] < QUEUE_END).all()
    assert order.notes == []


def test_labelled_and_closed_images_come_last(model, rows, small):
    order = order_of(model, rows, ~CLOSED, small())
    assert (order.scores[CLOSED] == 1.0).all()
    assert (order.scores[~CLOSED] < 1.0).all()
    assert len(set(order.scores[~CLOSED].tolist())) == int((~CLOSED).sum())
    rest = torch.tensor([i for i in ranking(order)[QUEUE:] if not CLOSED[i]])
    assert (order.gains[rest].diff() <= 0).all()


def test_fewer_open_images_than_a_queue(model, rows, small):
    order = order_of(model, rows, marks(7, 11), small())
    assert sorted(ranking(order)[:2]) == [7, 11]
    assert int((order.scores < 1.0).sum()) == 2


def test_memory_limit_leaves_some_to_marginal_gain(model, rows, small):
    order = order_of(model, rows, ~CLOSED, small(MEMORY_LIMIT="1"))
    (note,) = order.notes
    assert "MEMORY_LIMIT" in note
    assert f"random {4 + QUEUE} of {POOL - 2} images" in note
    assert (order.scores[~CLOSED] < 1.0).all()
    assert int((order.scores < QUEUE_END).sum()) == QUEUE
    again = order_of(model, rows, ~CLOSED, small(MEMORY_LIMIT="1"))
    assert torch.equal(order.scores, again.scores)
    other = order_of(model, rows, ~CLOSED, small(MEMORY_LIMIT="1", SEED="3"))
    assert ranking(order)[:QUEUE] != ranking(other)[:QUEUE]


def test_pool_limit_draws_the_candidates(model, rows, small):
    order = order_of(model, rows, ~CLOSED, small(POOL_LIMIT="10"))
    (note,) = order.notes
    assert "POOL_LIMIT=10" in note
    assert f"of {POOL - 6} unlabelled" in note
    assert (order.scores[~CLOSED] < 1.0).all()
    exact = order_of(model, rows, ~CLOSED, small(POOL_LIMIT="0"))
    assert exact.notes == []
    assert ranking(order)[:QUEUE] != ranking(exact)[:QUEUE]


@pytest.mark.parametrize("factors", ["bfloat16", "disk"])
def test_smaller_factors_pick_alike_and_say_so(model, rows, small, factors):
    settings = small(FACTORS=factors)
    order = order_of(model, rows, ~CLOSED, settings)
    exact = order_of(model, rows, ~CLOSED, small(FACTORS="float32"))
    assert f"FACTORS={factors}" in order.notes[0]
    assert torch.allclose(order.gains, exact.gains, rtol=0.05)
    assert len(set(ranking(order)[:QUEUE]) & set(ranking(exact)[:QUEUE])) >= QUEUE - 1
    assert not list(settings.model_dir.glob("factors*"))


def test_factors_on_disk_need_no_memory(model, rows, mask, small):
    images = 30 * 2**20  # of memory beyond what is there without any image
    limit = str(2**30 + 56 * len(mask) ** 2 + images)
    many = rows.repeat(20_000, 1)
    known = LABELLED.repeat(20_000)
    known[POOL:] = False

    def looked_at(factors):
        settings = small(MEMORY_LIMIT=limit, FACTORS=factors)
        shape, row = (CLASSES, len(mask)), many[0].nbytes
        memories = _memories(shape, row, settings, Shards(), torch.device("cpu"))
        return _within_memory(memories, known, ~known, settings)

    assert len(looked_at("float32")[0]) < len(looked_at("bfloat16")[0]) < len(looked_at("disk")[0])
    assert "FACTORS=bfloat16 holds more" in looked_at("float32")[1][0]
    assert "FACTORS=disk holds more" in looked_at("bfloat16")[1][0]
    assert looked_at("disk")[1][0].endswith("marginal gain.")


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("factors", ["float32", "bfloat16", "disk"])
def test_the_same_order_on_a_gpu(model, rows, small, factors):
    settings = small(FACTORS=factors)
    expected = order_of(model, rows, ~CLOSED, settings)
    order = order_of(model.cuda(), rows, ~CLOSED, settings)
    assert ranking(order)[:QUEUE] == ranking(expected)[:QUEUE]
    assert torch.allclose(order.gains, expected.gains, rtol=1e-2)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_too_small_for_the_pool(model, rows, small, monkeypatch):
    settings = small()
    monkeypatch.setattr(acquisition, "free_gpu_bytes", lambda device: 2**30 + 10_000)
    order = order_of(model.cuda(), rows, ~CLOSED, settings)
    assert "above what is free on the GPU (1.0 GiB)" in order.notes[0]
    assert len(set(ranking(order))) == POOL


@pytest.mark.parametrize(
    "options", [{}, {"TOP_CLASSES": "1"}, {"MAX_DIM": "9", "MAX_DIM_RULE": "sketch"}]
)
def test_later_images_are_placed_by_the_stored_scorer(model, rows, small, tmp_path, options):
    order = order_of(model, rows, ~CLOSED, small(**options))
    order.save_scorer(tmp_path / "scorer.safetensors")
    scorer, stored_mask, recipe = load_scorer(tmp_path / "scorer.safetensors")
    assert torch.equal(stored_mask, order.mask)
    rest = [i for i in ranking(order)[QUEUE:] if not CLOSED[i]]
    gains = new_gains(model, rows[rest], stored_mask, scorer, recipe)
    assert torch.allclose(gains, order.gains[rest].to(gains.dtype), rtol=1e-4)


def test_a_scorer_without_its_recipe_is_unusable(model, rows, mask, small, tmp_path):
    order = order_of(model, rows, ~CLOSED, small())
    save_tensors(tmp_path / "old.safetensors", {**order.scorer.to_tensors(), "mask": mask})
    with pytest.raises(TensorsUnusable, match="lacks its recipe"):
        load_scorer(tmp_path / "old.safetensors")
