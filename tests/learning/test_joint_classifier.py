"""Training heads beside each other."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from fishermask_backend.learning.backbones import Backbone
from fishermask_backend.learning.classifier import load_classifier, save_classifier
from fishermask_backend.learning.heads import Heads
from fishermask_backend.learning.joint_classifier import fit_heads, joint_probabilities
from fishermask_backend.learning.objectives import Taught
from tests.learning.conftest import backbone
from tests.learning.test_classifier import fit, groups, stripes, weights


@pytest.fixture(scope="module")
def features() -> Backbone:
    return backbone("efficientnet_lite0")


@pytest.fixture(scope="module")
def small_cnn() -> Backbone:
    return backbone("small_cnn", "all", size=16)


def taught(known: Tensor, labels: Tensor, classes: int) -> Taught:
    return Taught("categorical", classes, known, labels[known])


def test_each_head_learns_as_if_it_were_alone(features: Backbone) -> None:
    rows, labels = groups(60, 4)
    first = taught(torch.arange(60) % 4 != 0, labels, 4)
    seconds = [
        taught(torch.arange(60) % 5 == 0, labels % 2, 2),
        taught(torch.arange(60) % 4 == 0, 1 - labels % 2, 2),
        taught(torch.ones(60).bool(), torch.zeros(60).long(), 2),
    ]
    models = [fit_heads(features, rows, [first, own], pool_rows=rows, seed=0) for own in seconds]
    assert isinstance(models[0], Heads)
    heads = [weights(model.heads[0]) for model in models]
    assert all(torch.equal(heads[0], other) for other in heads[1:])
    others = [weights(model.heads[1]) for model in models]
    assert not torch.equal(others[0], others[1])
    found = joint_probabilities(models[0], rows, [("categorical", 4), ("categorical", 2)])
    assert torch.allclose(found[:, :4].sum(1), torch.ones(60))
    assert torch.allclose(found[:, 4:].sum(1), torch.ones(60))
    assert (found[:, :4].argmax(1) == labels)[first.known].float().mean() > 0.9


def test_of_several_heads_a_single_one_is_the_classifier_of_its_images(features: Backbone) -> None:
    rows, labels = groups(40, 2)
    known = torch.arange(40) % 3 == 0
    one = fit_heads(features, rows, [taught(known, labels, 2)], pool_rows=rows, seed=0)
    same = fit(features, rows[known], labels[known], num_classes=2, pool_rows=rows)
    assert torch.equal(weights(one), weights(same))


def test_several_heads_on_a_trunk_that_is_trained_too(small_cnn: Backbone, tmp_path: Path) -> None:
    rows, labels = stripes(80)
    own = [
        taught(torch.arange(80) < 40, labels, 2),
        taught(torch.arange(80) % 2 < 2, 1 - labels, 3),
    ]
    model = fit_heads(small_cnn, rows, own, pool_rows=rows, seed=0)
    asked = [("categorical", 2), ("categorical", 3)]
    found = joint_probabilities(model, rows, asked)
    assert (found[:, :2].argmax(1) == labels).float().mean() > 0.9
    assert (found[:, 2:].argmax(1) == 1 - labels).float().mean() > 0.9
    about = {"backbone": small_cnn.key, "num_classes": "5", "sizes": "[2, 3]"}
    save_classifier(tmp_path / "heads.safetensors", model, about)
    loaded = load_classifier(tmp_path / "heads.safetensors", small_cnn)
    assert torch.equal(joint_probabilities(loaded, rows, asked), found)
