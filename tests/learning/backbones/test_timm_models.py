"""timm's models: names, weights from files and from the hub, sizes, and what they cost others."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save, save_file

from fishermask_backend.errors import BackboneUnavailable
from fishermask_backend.machine.certificates import VARIABLES
from tests.company import certificate, over_https
from tests.images.image_server import Server, serving
from tests.learning.conftest import backbone, pixels

VIT, RESNET = "test_vit.r160_in1k", "test_resnet.r160_in1k"
SETUP = """
import sys, torch
from fishermask_backend.learning.backbones import load_backbone
from fishermask_backend.errors import BackboneUnavailable
def load(name, size=0):
    device = torch.device("cpu")
    return load_backbone(name, train="head", image_size=size, weights="", device=device)
"""


def weights_of(model: str, path: Path, classes: int = 1000) -> Path:
    torch.manual_seed(0)
    network = timm.create_model(model, pretrained=False, num_classes=classes)
    with torch.no_grad():  # what starts as 0 or 1 is drawn at random, too
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    save_file(network.state_dict(), path)
    return path


@pytest.mark.parametrize("model", [VIT, RESNET])
@pytest.mark.parametrize("classes", [1000, 5])
def test_rows_are_the_models_features_of_pixels_as_its_weights_want_them(
    model: str, classes: int, tmp_path: Path
) -> None:
    file = weights_of(model, tmp_path / "weights.safetensors", classes)
    whole = timm.create_model(
        model, pretrained=True, pretrained_cfg_overlay={"file": str(file), "num_classes": classes},
        num_classes=classes,
    ).eval()  # fmt: skip
    about = timm.models.get_pretrained_cfg(model)
    images = pixels(3, 160)
    mean, std = (torch.tensor(v).view(3, 1, 1) for v in (about.mean, about.std))
    scaled = (torch.from_numpy(images) / 255 - mean) / std
    with torch.inference_mode():
        expected = whole.forward_head(whole.forward_features(scaled), pre_logits=True).numpy()
    found = backbone(f"timm/{model}", size=0, weights=file)
    assert found.image_size == 160
    assert found.interpolation == about.interpolation
    np.testing.assert_allclose(found.rows(images), expected, rtol=1e-4, atol=1e-4)


def test_a_transformer_takes_other_sizes_by_moving_its_positions(tmp_path: Path) -> None:
    file = weights_of(VIT, tmp_path / "weights.safetensors")
    found = backbone(f"timm/{VIT}", size=192, weights=file)
    assert found.rows(pixels(2, 192)).shape == (2, found.width)
    assert found.key != backbone(f"timm/{VIT}", size=160, weights=file).key


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("timm/resnet81", r"no model of timm's: did you mean timm/resnet"),
        ("timm/vit_small_patch14_dinov2.lvd142", "did you mean timm/vit_small_patch14_dinov2"),
        ("timm/", "see docs/backbones.md"),
        ("timm/test_vit.none", "no model of timm's"),
    ],
)
def test_a_model_that_is_not_known_is_told_with_those_of_like_names(
    name: str, sentence: str
) -> None:
    with pytest.raises(BackboneUnavailable, match=sentence):
        backbone(name)


def test_a_size_that_a_model_does_not_take_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackboneUnavailable, match=r"timm/test_vit.* IMAGE_SIZE=8"):
        backbone("timm/test_vit", "all", size=8, weights="none")


@pytest.mark.parametrize("change", ["of another model", "without a part", "of another shape"])
def test_weights_that_are_not_the_models_are_refused(change: str, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    state = timm.create_model(VIT, pretrained=False).state_dict()
    if change == "of another model":
        state = timm.create_model(RESNET, pretrained=False).state_dict()
    elif change == "without a part":
        del state["blocks.0.attn.qkv.weight"]
    else:
        state["blocks.0.attn.qkv.weight"] = torch.ones(3, 3)
    save_file(state, file)
    with pytest.raises(BackboneUnavailable, match="check BACKBONE_WEIGHTS"):
        backbone(f"timm/{VIT}", weights=file)


def run(script: str, **variables: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if k not in VARIABLES}
    return subprocess.run(
        [sys.executable, "-c", SETUP + script],
        env={**clean, "PYTHONPATH": str(Path(__file__).parents[3]), **variables},
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip


def test_who_names_another_backbone_does_not_pay_for_timm() -> None:
    found = run("load('efficientnet_lite0', 64)\nprint('timm' in sys.modules)")
    assert found.stdout.strip() == "False", found.stderr


def test_weights_come_from_the_hub_behind_a_companys_authority_and_once(tmp_path: Path) -> None:
    torch.manual_seed(0)
    state = timm.create_model(VIT, pretrained=False).state_dict()
    body = save(state)
    files = certificate("localhost", tmp_path)
    script = f"""
try:
    print(load("timm/{VIT}").key)
except BackboneUnavailable as error:
    print(error)
"""
    with serving(over_https(Server(), files)) as server:
        path = f"/timm/{VIT}/resolve/main/model.safetensors"
        server.routes[path] = (200, {"ETag": '"a1"', "X-Repo-Commit": "c0ffee"}, body)
        there = {
            "HF_ENDPOINT": server.url, "HF_HOME": str(tmp_path / "hub"), "no_proxy": "localhost",
        }  # fmt: skip
        refused = run("import time\ntime.sleep = lambda _: None\n" + script, **there)
        assert "CERTIFICATE_VERIFY_FAILED" in refused.stdout, refused.stderr
        assert "BACKBONE_WEIGHTS" in refused.stdout
        assert "HF_HOME" in refused.stdout
        trusted = run(script, SSL_CERT_FILE=str(files[0]), **there)
        assert trusted.stdout.startswith("timm.2ftest_vit.2er160_in1k-head-"), trusted.stdout
    again = run(script, HF_HUB_OFFLINE="1", **there)  # from the cache: the server is gone
    assert again.stdout == trusted.stdout, again.stderr
