"""A whole network's trunk: its weights pretrained, of a file, or none."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from fishermask_backend.errors import BackboneUnavailable
from fishermask_backend.learning.backbones.source import Scale, Trunk, headless_trunk

SCALE: Scale = ((0.0,) * 3, (255.0,) * 3)


def network() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Linear(5, 9))


def fives() -> dict[str, Tensor]:
    return {name: torch.full_like(value, 5.0) for name, value in network().state_dict().items()}


def trunk(weights: str) -> Trunk:
    return headless_trunk("five", network, SCALE, weights, fives)


def features(found: Trunk) -> Tensor:
    with torch.no_grad():
        return found.build()(torch.ones(1, 3, 2, 2))


def test_it_ends_before_the_last_linear_with_the_pretrained_weights() -> None:
    assert features(trunk("")).tolist() == [[12 * 5.0 + 5.0] * 5]


def test_without_weights_it_is_untrained_and_asks_for_none() -> None:
    found = headless_trunk("five", network, SCALE, "none", pytest.fail)
    assert (found.origin, found.untrained, found.from_scratch) == ("untrained", True, False)
    assert features(found).shape == (1, 5)


def test_weights_and_scale_are_its_origin(tmp_path: Path) -> None:
    torch.save(fives(), tmp_path / "same.pth")
    torch.save(network().state_dict(), tmp_path / "other.pth")
    pretrained, same, other = (
        trunk(w) for w in ("", f"{tmp_path}/same.pth", f"{tmp_path}/other.pth")
    )
    scaled = headless_trunk("five", network, (SCALE[1], SCALE[1]), "", fives)
    assert pretrained.origin == same.origin
    assert not pretrained.untrained
    assert len({pretrained.origin, other.origin, scaled.origin}) == 3


def test_weights_of_another_network_are_told_when_it_is_built(tmp_path: Path) -> None:
    torch.save({"0.weight": torch.ones(3)}, tmp_path / "w.pth")
    found = trunk(str(tmp_path / "w.pth"))
    with pytest.raises(BackboneUnavailable, match="do not fit BACKBONE=five"):
        found.build()
