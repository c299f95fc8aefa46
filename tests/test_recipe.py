"""The mask and factors of a round: exact, or what the settings approximate, in words."""

import pytest
import torch

from fishermask_backend.acquisition import choose_mask
from fishermask_backend.classifier import probabilities
from fishermask_backend.fisher import Shards, fisher_diagonal, fisher_mask, masked_factors
from fishermask_backend.labeling import parse_label_config
from fishermask_backend.recipe import FactorRecipe, pool_factors
from fishermask_backend.settings import load_settings
from fishermask_backend.tensors import TensorsUnusable

CLASSES = 5
SPEC = parse_label_config(
    '<View><Image name="i" value="$i"/><Choices name="c" toName="i">'
    + "".join(f'<Choice value="{c}"/>' for c in "abcde")
    + "</Choices></View>"
)


@pytest.fixture
def model():
    torch.manual_seed(0)
    layers = torch.nn.Linear(8, 6), torch.nn.ReLU(), torch.nn.Linear(6, CLASSES)
    return torch.nn.Sequential(*layers).eval()


@pytest.fixture
def rows():
    return torch.randn(30, 8, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def made(settings, monkeypatch, model, rows):
    """The settings, recipe, mask and notes under some environment variables."""

    def make(**environment):
        for name, value in {"MASK_INNER": "10", **environment}.items():
            monkeypatch.setenv(name, value)
        load_settings.cache_clear()
        settings = load_settings()
        recipe = FactorRecipe.of(settings, SPEC)
        probs = probabilities(model, rows, "categorical")
        return settings, recipe, *choose_mask(model, rows, probs, recipe, settings, Shards())

    return make


def test_exact_by_default(model, rows, made):
    settings, recipe, mask, notes = made()
    assert notes == []
    assert torch.equal(mask, fisher_mask(fisher_diagonal(model, rows), model, inner=10))
    factors = pool_factors(model, rows, mask, CLASSES, recipe, settings)
    assert torch.equal(factors, masked_factors(model, rows, mask))
    assert factors.shape == (len(rows), *recipe.shape(CLASSES, len(mask)))


def test_top_classes(model, rows, made):
    settings, recipe, mask, (note,) = made(TOP_CLASSES="2")
    assert "TOP_CLASSES=2 of 5" in note
    left = probabilities(model, rows, "categorical").sort(1).values[:, :3].sum(1)
    assert f"weigh {float(left.mean()):.3g} " in note
    factors = pool_factors(model, rows, mask, CLASSES, recipe, settings)
    assert factors.shape == (30, 2, len(mask)) == (30, *recipe.shape(CLASSES, len(mask)))


def test_as_many_classes_as_there_are_is_exact(made):
    assert made(TOP_CLASSES="5")[1].top_classes is None


def test_a_mask_too_large_keeps_its_largest_values(model, rows, made):
    _, recipe, mask, (note,) = made(MAX_DIM="12")
    whole = fisher_mask(fisher_diagonal(model, rows), model, inner=10)
    assert len(mask) == 12
    assert f"MAX_DIM=12: 12 of {len(whole)} masked parameters stay" in note
    assert recipe.sketch_dim is None
    assert set(mask.tolist()) < set(whole.tolist())


def test_a_mask_too_large_is_sketched(model, rows, made):
    settings, recipe, mask, (note,) = made(MAX_DIM="12", MAX_DIM_RULE="sketch")
    assert "sketched" in note
    assert len(mask) == 45
    assert pool_factors(model, rows, mask, CLASSES, recipe, settings).shape == (30, CLASSES, 12)
    assert recipe.shape(CLASSES, len(mask)) == (CLASSES, 12)


@pytest.mark.parametrize("factors", ["bfloat16", "disk"])
@pytest.mark.parametrize(
    "more", [{}, {"TOP_CLASSES": "2", "MAX_DIM": "9", "MAX_DIM_RULE": "sketch"}]
)
def test_factors_of_half_the_size(model, rows, made, factors, more):
    settings, recipe, mask, _ = made(FACTORS=factors, **more)
    found = pool_factors(model, rows, mask, CLASSES, recipe, settings)
    assert found.dtype == torch.bfloat16
    assert torch.allclose(found.float(), recipe.factors(model, rows, mask), rtol=2**-8, atol=1e-6)
    assert not list(settings.model_dir.glob("*.tmp"))


def test_recipe_survives_its_file():
    recipe = FactorRecipe("bernoulli", "uniform", top_classes=3, sketch_dim=40, seed=7)
    assert FactorRecipe.from_metadata(recipe.to_metadata()) == recipe


@pytest.mark.parametrize("metadata", [{}, {"recipe": "{"}, {"recipe": '{"no": 1}'}])
def test_metadata_without_a_recipe(metadata):
    with pytest.raises(TensorsUnusable, match="recipe"):
        FactorRecipe.from_metadata(metadata)
