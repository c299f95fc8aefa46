"""How factors are made, as a stored scorer remembers it."""

import pytest

from fishermask_backend.labeling import parse_label_config
from fishermask_backend.learning.recipe import FactorRecipe
from fishermask_backend.learning.tensors import TensorsUnusable
from tests.conftest import CONFIG

SPEC = parse_label_config(CONFIG)


def test_as_many_classes_as_there_are_is_exact(configured):
    assert FactorRecipe.of(configured(TOP_CLASSES="2"), SPEC).top_classes is None
    assert FactorRecipe.of(configured(TOP_CLASSES="1"), SPEC).top_classes == 1


def test_recipe_survives_its_file():
    recipe = FactorRecipe("bernoulli", "uniform", top_classes=3, sketch_dim=40, seed=7)
    assert FactorRecipe.from_metadata(recipe.to_metadata()) == recipe


@pytest.mark.parametrize("metadata", [{}, {"recipe": "{"}, {"recipe": '{"no": 1}'}])
def test_metadata_without_a_recipe(metadata):
    with pytest.raises(TensorsUnusable, match="recipe"):
        FactorRecipe.from_metadata(metadata)
