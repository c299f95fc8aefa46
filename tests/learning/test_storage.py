"""Where factors are put."""

from typing import get_args

import pytest
import torch

from fishermask_backend.learning.storage import STORAGES
from fishermask_backend.settings import Settings

CPU = torch.device("cpu")


def test_every_value_of_the_setting_has_its_storage():
    assert [*STORAGES] == [*get_args(Settings.model_fields["factors"].annotation)]


@pytest.mark.parametrize("name", STORAGES)
def test_room_of_the_shape_and_type_asked_for(name, tmp_path):
    storage = STORAGES[name]
    room = storage.empty((3, 2, 4), device=CPU, folder=tmp_path / "new")
    assert (room.shape, room.dtype) == ((3, 2, 4), storage.dtype)
    room.copy_(torch.arange(24).view(3, 2, 4))
    assert room.sum() == 276
    assert not list(tmp_path.glob("new/*"))  # the file has no name


@pytest.mark.parametrize("name", STORAGES)
def test_the_roomier_one_takes_less_memory(name):
    roomier = STORAGES[name].roomier
    assert roomier is None or STORAGES[roomier].memory < STORAGES[name].memory
