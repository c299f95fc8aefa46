"""Images are embedded once, whatever ends the process."""

import json

import numpy as np
import pytest
import torch

from fishermask_backend.images.decoding import Square
from fishermask_backend.learning.backbones import load_backbone
from fishermask_backend.machine.locks import locked
from fishermask_backend.simulation import SimulationImpossible, embedding
from fishermask_backend.simulation.data import from_path
from fishermask_backend.simulation.embedding import embed
from tests.simulation.pictures import folders, picture


@pytest.fixture
def small(configured):
    return configured(IMAGE_SIZE="16")


@pytest.fixture
def images(tmp_path, small):
    return from_path(folders(tmp_path / "mine", 4), 1, small)


class Counted:
    """A backbone of pixels as they are, and how many images it was given."""

    def __init__(self):
        self.real = load_backbone(
            "small_cnn", train="all", image_size=16, weights=None, device=torch.device("cpu")
        )
        self.key, self.row_shape = self.real.key, self.real.row_shape
        self.row_dtype, self.seen = self.real.row_dtype, 0
        self.image_size, self.interpolation = 16, self.real.interpolation

    def rows(self, pixels):
        self.seen += len(pixels)
        return self.real.rows(pixels)


def quiet(done, total):
    pass


def pixels(images, numbers):
    return np.stack([images.pixels(i, Square(16)) for i in numbers])


def test_each_image_once_and_in_the_order_asked_for(images, small, monkeypatch):
    monkeypatch.setattr(embedding, "AT_ONCE", 5)
    backbone, told = Counted(), []
    first = embed(images, [7, 2, 3], backbone, small, lambda *how: told.append(how))
    assert np.array_equal(first.rows.read(), pixels(images, [7, 2, 3]))
    everything = embed(images, range(12), backbone, small, quiet)
    assert backbone.seen == 12
    assert np.array_equal(everything.rows.read(), pixels(images, range(12)))
    assert (everything.readable, everything.failed) == (list(range(12)), [])
    assert told == [(0, 3), (3, 3)]


def test_an_image_that_changed_is_embedded_anew(images, small, tmp_path):
    backbone = Counted()
    embed(images, range(12), backbone, small, quiet)
    picture(tmp_path / "mine" / "red" / "00.png", (0, 0, 0), 77)
    again = from_path(tmp_path / "mine", 1, small)
    found = embed(again, range(12), backbone, small, quiet)
    assert backbone.seen == 13
    assert np.array_equal(found.rows.read(), pixels(again, range(12)))


def test_what_cannot_be_read_is_left_out_and_tried_again(images, small, tmp_path):
    broken = tmp_path / "mine" / "green" / "01.png"
    body, place = broken.read_bytes(), images.names.index("green/01.png")
    broken.write_bytes(b"no image at all")
    backbone = Counted()
    found = embed(images, range(12), backbone, small, quiet)
    assert found.readable == [i for i in range(12) if i != place]
    (why,) = found.failed
    assert why.startswith("green/01.png: ")
    assert why.endswith(".")
    broken.write_bytes(body)
    found = embed(images, range(12), backbone, small, quiet)
    assert (len(found.readable), backbone.seen) == (12, 12)


def test_a_process_killed_at_any_write_loses_what_it_had_not_ended(images, small, monkeypatch):
    """After the rows and before the journal's line; in the middle of a line."""
    monkeypatch.setattr(embedding, "AT_ONCE", 4)
    backbone, real = Counted(), embedding._Kept.add
    calls = []

    def killed(kept, keys, rows):
        calls.append(keys)
        if len(calls) < 3:
            return real(kept, keys, rows)
        kept.store.append(8, rows)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(embedding._Kept, "add", killed)
        with pytest.raises(KeyboardInterrupt):
            embed(images, range(12), backbone, small, quiet)
    (journal,) = small.model_dir.glob("simulations/*.jsonl")
    with journal.open("ab") as file:
        file.write(b'["half a li')
    found = embed(images, range(12), backbone, small, quiet)
    assert backbone.seen == 12 + 4
    assert np.array_equal(found.rows.read(), pixels(images, range(12)))
    assert [json.loads(line)[1] for line in journal.read_text().splitlines()] == list(range(12))


def test_lost_rows_are_embedded_again(images, small):
    backbone = Counted()
    embed(images, range(12), backbone, small, quiet)
    (rows,) = small.model_dir.glob("simulations/*.rows")
    rows.write_bytes(rows.read_bytes()[:-1])
    found = embed(images, range(12), backbone, small, quiet)
    assert backbone.seen == 24
    assert np.array_equal(found.rows.read(), pixels(images, range(12)))


def test_two_at_a_time_are_told(images, small):
    embed(images, [0], Counted(), small, quiet)
    (journal,) = small.model_dir.glob("simulations/*.jsonl")
    with (
        locked(journal, wait=False),
        pytest.raises(SimulationImpossible, match="Another simulation embeds these images"),
    ):
        embed(images, [0], Counted(), small, quiet)
