"""torchvision's models: where their weights come from."""

import hashlib
import urllib.request
from pathlib import Path

import pytest
import torch
import torchvision

from fishermask_backend.errors import BackboneUnavailable
from fishermask_backend.machine.certificates import VARIABLES
from tests.company import certificate, over_https
from tests.images.image_server import Server, serving
from tests.learning.conftest import backbone, pixels


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
