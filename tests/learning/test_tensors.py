"""Tensors in files: whole, as they were written, or refused."""

import pytest
import torch
from safetensors.torch import save_file

from fishermask_backend.learning.tensors import (
    TensorsUnusable,
    load_tensors,
    numbered,
    of_number,
    save_tensors,
)

TENSORS = {
    "weights": torch.linspace(-1, 1, 12).reshape(3, 4),
    "halves": torch.tensor([0.5, 2.0], dtype=torch.bfloat16),
    "mask": torch.tensor([True, False]),
    "number": torch.tensor(7),
    "nothing": torch.empty(0, 4),
}


def test_what_was_written_is_read(tmp_path):
    path = tmp_path / "folder" / "round.safetensors"
    turned = {**TENSORS, "turned": TENSORS["weights"].T}  # not contiguous
    save_tensors(path, turned, {"round": "3"})
    tensors, metadata = load_tensors(path)
    assert metadata == {"round": "3"}
    assert tensors.keys() == turned.keys()
    for name, tensor in turned.items():
        torch.testing.assert_close(tensors[name], tensor, rtol=0, atol=0)
    assert [file.name for file in path.parent.iterdir()] == [path.name]


@pytest.mark.parametrize("place", [-1, -40])
def test_a_changed_byte_is_noticed(tmp_path, place):
    path = tmp_path / "round.safetensors"
    save_tensors(path, TENSORS)
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)
    with pytest.raises(TensorsUnusable, match=r"round\.safetensors cannot be read"):
        load_tensors(path)


def test_a_file_of_a_version_without_digests_is_read(tmp_path):
    path = tmp_path / "round.safetensors"
    save_file(TENSORS, path, {"round": "1"})
    tensors, metadata = load_tensors(path)
    assert (tensors.keys(), metadata) == (TENSORS.keys(), {"round": "1"})


def test_parts_are_told_apart_in_one_file():
    parts = [{"mask": torch.ones(2), "1.mask": torch.zeros(1)}, {}, {"mask": torch.arange(3)}]
    together = numbered(parts)
    assert together.keys() == {"0.mask", "0.1.mask", "2.mask"}
    for number, own in enumerate(parts):
        found = of_number(together, number)
        assert found.keys() == own.keys()
        assert all(torch.equal(found[name], own[name]) for name in own)
