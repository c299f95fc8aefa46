"""The parts of networks: scaling, trunks, and weights from files."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision
from safetensors.torch import save_file
from torch import Tensor, nn

from fishermask_backend.errors import BackboneUnavailable
from tests.learning.conftest import backbone, pixels


def test_rows_are_standardised_over_the_pool() -> None:
    built = backbone("efficientnet_lite0")
    pool = torch.randn(3000, 1280, generator=torch.Generator().manual_seed(0)) * 3 + 5
    pool[:, 7] = 2.5  # never varies: must not blow up
    scaled = built.network(2, pool)[0](pool)
    torch.testing.assert_close(scaled.mean(0), torch.zeros(1280), atol=1e-4, rtol=0)
    varying = torch.arange(1280) != 7
    torch.testing.assert_close(scaled.std(0)[varying], torch.ones(1279), atol=1e-3, rtol=0)
    assert scaled[:, 7].abs().max() == 0


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
