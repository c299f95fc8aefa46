"""Backbones: every source's give rows and networks, and what cannot be built says why."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from fishermask_backend.errors import BackboneUnavailable
from fishermask_backend.learning import backbones
from fishermask_backend.learning.backbones import (
    SOURCES,
    Backbone,
    lite,
    load_backbone,
    small_cnn,
    timm_models,
    torchvision_models,
)
from fishermask_backend.settings import Settings
from tests.learning.conftest import CPU, backbone, pixels

EXAMPLES = {  # of every source, names that need no download: BACKBONE, TRAIN, BACKBONE_WEIGHTS
    lite: [
        ("efficientnet_lite0", "head", None),
        ("efficientnet_lite0", "all", None),
        ("efficientnet_lite1", "head", None),
        ("efficientnet_lite2", "head", None),
    ],
    small_cnn: [("small_cnn", "head", None), ("small_cnn", "all", "none")],
    timm_models: [
        ("timm/test_vit", "all", "none"),
        ("timm/test_resnet.r160_in1k", "all", "none"),
        ("timm/test_convnext", "all", "none"),
    ],
    torchvision_models: [
        ("resnet18", "all", "none"),
        ("googlenet", "all", "none"),
        ("mobilenet_v3_small", "all", "none"),
    ],
}

# Rows


def test_an_image_has_the_same_row_in_any_company() -> None:
    lite0 = backbone("efficientnet_lite0")
    images = pixels(40, 64)  # more than one batch
    together = lite0.rows(images)
    alone = np.concatenate([lite0.rows(images[i : i + 1]) for i in (0, 33, 39)])
    np.testing.assert_allclose(together[[0, 33, 39]], alone, atol=1e-4)
    assert together.shape == (40, *lite0.row_shape)
    assert together.dtype == lite0.row_dtype


def test_no_images_are_no_rows() -> None:
    assert backbone("efficientnet_lite0").rows(pixels(0, 64)).shape == (0, 1280)


@pytest.mark.parametrize(
    "wrong", [pixels(1, 32), pixels(1, 64).astype(np.float32), pixels(1, 64).transpose(0, 2, 3, 1)]
)
def test_pixels_of_another_kind_are_refused(wrong: np.ndarray) -> None:
    with pytest.raises(ValueError, match="pixels are"):
        backbone("efficientnet_lite0").rows(wrong)


# Keys


def test_keys_tell_apart_whatever_makes_rows_or_weights_differ(
    tmp_path: Path, resnet18_file: Path
) -> None:
    state = torch.load(resnet18_file)
    state["bn1.weight"][0] += 1.0
    torch.save(state, tmp_path / "other.pth")
    keys = [
        backbone("efficientnet_lite0").key,
        backbone("efficientnet_lite0", size=96).key,
        backbone("efficientnet_lite0", train="all").key,
        backbone("efficientnet_lite0", train="all", weights="none").key,
        backbone("small_cnn").key,
        backbone("resnet18", weights=resnet18_file).key,
        backbone("resnet18", weights=tmp_path / "other.pth").key,
    ]
    assert len(set(keys)) == len(keys)
    assert all(key.replace("_", "").replace("-", "").isalnum() and len(key) < 100 for key in keys)


def test_the_key_of_the_same_settings_is_the_same() -> None:
    assert backbone("efficientnet_lite0").key == backbone("efficientnet_lite0").key


@pytest.mark.parametrize(
    ("name", "train", "weights", "key"),
    [
        ("efficientnet_lite0", "head", None, "efficientnet_lite0-head-4ba9d220775d-64"),
        ("efficientnet_lite0", "all", None, "efficientnet_lite0-all-4ba9d220775d-64"),
        ("efficientnet_lite0", "all", "none", "efficientnet_lite0-all-untrained-64"),
        ("small_cnn", "head", None, "small_cnn-64"),
        ("small_cnn", "all", "none", "small_cnn-64"),
        ("resnet18", "all", "none", "resnet18-all-untrained-64"),
        ("timm/test_vit", "all", "none", "timm.2ftest_vit-all-untrained-64"),
    ],
)
def test_keys_are_those_that_stored_states_hold(
    name: str, train: str, weights: str | None, key: str
) -> None:
    assert backbone(name, train, weights=weights).key == key


def test_weights_trained_whole_go_by_the_names_that_stored_ones_have() -> None:
    names = backbone("efficientnet_lite0", "all").network(2, None).state_dict().keys()
    assert {"1._conv_stem.1.weight", "1._blocks.0._depthwise_conv.1.weight"} <= names


# Sizes


@pytest.mark.parametrize(
    ("name", "size"), [("small_cnn", 160), ("resnet18", 160), ("timm/test_vit", 160),
                       ("timm/resnet26", 224), ("timm/vit_small_patch14_dinov2", 518)],
)  # fmt: skip
def test_a_size_that_is_left_open_is_the_network_s_own(name: str, size: int) -> None:
    assert backbones._source(name).image_size(name) == size


def test_the_default_size_is_that_of_stored_states() -> None:
    assert backbone("small_cnn", "all", size=0).key == "small_cnn-160"


# Networks


@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
@pytest.mark.parametrize(
    ("name", "train", "weights"), [example for of in EXAMPLES.values() for example in of]
)
def test_every_network_takes_rows_and_ends_in_the_linear_over_classes(
    name: str, train: str, weights: str | None
) -> None:
    built = backbone(name, train, weights=weights)
    rows = torch.from_numpy(built.rows(pixels(6, 64)))
    assert rows.shape == (6, *built.row_shape)
    assert rows.numpy().dtype == built.row_dtype
    torch.manual_seed(1)
    network = built.network(5, rows)
    trained = [m for m in network.modules() if m._parameters and not list(m.children())]
    assert isinstance(trained[-1], nn.Linear)
    assert trained[-1].out_features == 5
    logits = network(rows)
    assert logits.shape == (6, 5)
    assert logits.isfinite().all()
    loss = logits.square().sum()
    loss.backward()
    assert all(p.grad is not None for p in network.parameters())
    torch.manual_seed(1)
    torch.testing.assert_close(built.network(5, rows)(rows), logits, rtol=0, atol=0)


def test_networks_of_one_backbone_are_independent() -> None:
    built = backbone("efficientnet_lite0", "all")
    first = built.network(2, None)
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.zero_()
    assert built.network(2, None)[1](torch.ones(1, 3, 64, 64)).abs().sum() > 0


# Sources


def test_every_source_has_examples() -> None:
    assert EXAMPLES.keys() == set(SOURCES)
    assert all(EXAMPLES.values())


def test_a_name_is_of_one_source() -> None:
    for source, examples in EXAMPLES.items():
        for name, *_ in examples:
            assert [s for s in SOURCES if s.knows(name)] == [source]


def test_a_backbone_is_what_the_settings_name(tmp_path: Path) -> None:
    settings = Settings(
        backbone="resnet18", train="all", backbone_weights="none", image_size=32,
        model_dir=tmp_path,
    )  # fmt: skip
    found = Backbone.of(settings, CPU)
    expected = load_backbone("resnet18", train="all", image_size=32, weights="none", device=CPU)
    assert (found.key, found.row_shape) == (expected.key, (3, 32, 32))
    assert found.device == CPU


def test_loading_leaves_the_generator_of_random_numbers_alone() -> None:
    torch.manual_seed(0)
    expected = torch.rand(3)
    torch.manual_seed(0)
    for name in ("small_cnn", "resnet18"):
        backbone(name, "all", weights="none")
    assert torch.equal(torch.rand(3), expected)


# Errors


@pytest.mark.parametrize(
    ("name", "train", "weights", "sentence"),
    [
        ("resnet19", "head", None, "BACKBONE=resnet19 is not known"),
        ("fcn_resnet50", "head", None, "is not known"),  # a segmentation model
        ("resnet18", "head", "none", "set TRAIN=all"),
        ("small_cnn", "head", "file.pth", "small_cnn always starts untrained"),
        ("squeezenet1_0", "all", "none", "no Linear last layer"),
        ("vit_b_32", "all", "none", "does not take images of IMAGE_SIZE=64"),
    ],
)
def test_what_cannot_be_built_says_why(
    name: str, train: str, weights: str | None, sentence: str
) -> None:
    with pytest.raises(BackboneUnavailable, match=sentence):
        backbone(name, train, weights=weights)
