"""What a strategy is given, handed to other processes by a folder."""

import pytest
import torch

from fishermask_backend.learning.backbones import Backbone, load_backbone
from fishermask_backend.learning.tensors import TensorsUnusable
from fishermask_backend.learning.trained import Trained
from tests.fisher_problem import CPU, ENVIRONMENT, HEAD, small_problem, two_heads


@pytest.fixture
def problem(configured):
    return small_problem(configured(**ENVIRONMENT), 12)


def test_what_is_loaded_is_what_was_saved(problem, tmp_path):
    trained, backbone = problem
    trained.save(tmp_path)
    loaded = Trained.load(tmp_path, backbone)
    for name in ("rows", "probs", "labelled", "servable"):
        assert torch.equal(getattr(loaded, name), getattr(trained, name)), name
    assert (loaded.backbone, loaded.recipe) == (trained.backbone, trained.recipe)
    with torch.no_grad():
        assert torch.equal(loaded.model(trained.rows), trained.model(trained.rows))
    assert (loaded.device, loaded.num_classes) == (CPU, 2)


@pytest.mark.parametrize("environment", [ENVIRONMENT, {**ENVIRONMENT, **HEAD}])
def test_several_heads_are_loaded_as_they_were_saved(configured, tmp_path, environment):
    settings = configured(**environment)
    trained = two_heads(settings, 40)
    trained.save(tmp_path)
    loaded = Trained.load(tmp_path, Backbone.of(settings, CPU))
    assert [head.num_classes for head in loaded.heads] == [2, 3]
    assert torch.equal(torch.cat([head.probs for head in loaded.heads], 1), trained.probs)
    for own, expected in zip((loaded, *loaded.heads), (trained, *trained.heads), strict=True):
        assert torch.equal(own.labelled, expected.labelled)
        assert torch.equal(own.probs, expected.probs)
        assert own.recipe == expected.recipe
        with torch.no_grad():
            assert torch.equal(own.model(trained.rows), expected.model(trained.rows))


def test_another_backbone_s_is_refused(problem, tmp_path):
    trained, _ = problem
    trained.save(tmp_path)
    other = load_backbone("small_cnn", train="all", image_size=20, weights="", device=CPU)
    with pytest.raises(TensorsUnusable, match="small_cnn-20"):
        Trained.load(tmp_path, other)


def test_a_part_is_missing(problem, tmp_path):
    trained, backbone = problem
    trained.save(tmp_path)
    (tmp_path / "pool.safetensors").unlink()
    with pytest.raises(TensorsUnusable, match=r"pool\.safetensors"):
        Trained.load(tmp_path, backbone)
