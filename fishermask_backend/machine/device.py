"""The device that everything is computed on, chosen once, and its memory."""

import torch

from fishermask_backend.errors import FisherMaskError


class DeviceUnavailable(FisherMaskError):
    """`DEVICE` names a GPU that this machine does not have."""


def choose_device(name: str) -> torch.device:
    """Return the device of `DEVICE`: `auto` is the first GPU, or the CPU where there is none.

    Raises:
        DeviceUnavailable: The GPU asked for is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    device = torch.device(name)
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise DeviceUnavailable(
            f"DEVICE={name}: this machine shows {torch.cuda.device_count()} CUDA devices to the "
            "backend; use DEVICE=auto or cpu, or give the container the GPU."
        )
    return device


def free_gpu_bytes(device: torch.device) -> int:
    """Return the bytes of a GPU that a large tensor could still get."""
    torch.cuda.empty_cache()
    return torch.cuda.mem_get_info(device)[0]


def gpu_bytes() -> int:
    """Return the bytes that torch holds for this process on all GPUs together."""
    return sum(torch.cuda.memory_reserved(i) for i in range(torch.cuda.device_count()))
