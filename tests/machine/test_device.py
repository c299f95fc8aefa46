"""The device that DEVICE names, or why there is none."""

import pytest
import torch

from fishermask_backend.machine.device import DeviceUnavailable, choose_device, gpu_bytes


def test_auto_is_a_gpu_where_there_is_one():
    expected = "cuda" if torch.cuda.is_available() else "cpu"
    assert choose_device("auto").type == expected


def test_the_processor_is_always_there():
    assert choose_device("cpu") == torch.device("cpu")


def test_a_gpu_that_is_not_there_is_refused_with_what_to_do():
    missing = f"cuda:{torch.cuda.device_count()}"
    with pytest.raises(
        DeviceUnavailable, match=f"DEVICE={missing}: this machine shows .* use DEVICE=auto"
    ):
        choose_device(missing)


def test_bytes_held_on_gpus_are_counted():
    if torch.cuda.is_available():
        held = torch.zeros(2**20, device="cuda")
        assert gpu_bytes() >= held.nbytes
    else:
        assert gpu_bytes() == 0
