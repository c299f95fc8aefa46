"""What ran out, in a sentence; the errors are the real ones."""

import numpy as np
import pytest
import torch

from fishermask_backend.learning.tensors import save_tensors
from fishermask_backend.worker.shortages import shortage

HUGE = 2**50


@pytest.mark.parametrize("allocate", [torch.empty, np.empty], ids=["torch", "numpy"])
def test_memory(settings, allocate):
    with pytest.raises((RuntimeError, MemoryError)) as raised:
        allocate(HUGE)
    told = shortage(raised.value, settings)
    assert f"MEMORY_LIMIT={settings.memory_allowed}" in told


def test_disk(settings, small_disk):
    with pytest.raises(OSError, match="No space left") as raised:
        save_tensors(small_disk / "round.safetensors", {"weight": torch.zeros(2**20)})
    assert list(small_disk.iterdir()) == []
    told = shortage(raised.value, settings)
    assert told.startswith(f"MODEL_DIR={settings.model_dir} cannot be written (No space left")
    assert "Free some" in told


@pytest.mark.parametrize("error", [ValueError("no"), FileNotFoundError(2, "No such file")])
def test_other_errors_are_no_shortage(settings, error):
    assert shortage(error, settings) == ""
