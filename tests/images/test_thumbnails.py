"""Thumbnails: small, in the image's shape, a slot a row."""

import io

import numpy as np
import pytest
from PIL import Image

from fishermask_backend.images.thumbnails import SIDE, SLOT, Thumbnails, thumbnail


def opened(body):
    return Image.open(io.BytesIO(body))


def noise(side=224):
    return np.random.default_rng(0).integers(0, 256, (3, side, side), np.uint8)


@pytest.mark.parametrize(
    ("shape", "size"), [((400, 300), (160, 120)), ((300, 400), (120, 160)), ((1, 5000), (1, 160))]
)
def test_a_thumbnail_has_the_image_s_shape(shape, size):
    assert opened(thumbnail(np.full((3, 224, 224), 200, np.uint8), *shape)).size == size


def test_it_shows_what_the_image_shows():
    pixels = np.zeros((3, 160, 160), np.uint8)
    pixels[0, :, 80:] = 255
    small = opened(thumbnail(pixels, 100, 100)).convert("RGB")
    assert small.getpixel((20, 80))[0] < 30
    assert small.getpixel((140, 80))[0] > 225


def test_the_worst_fits_its_slot():
    body = thumbnail(noise(), 100, 100)
    assert len(body) <= SLOT - 2
    assert max(opened(body).size) <= SIDE
    assert 10_000 * SLOT <= 60e6  # bytes of so many images


def test_an_image_smaller_than_a_thumbnail_is_not_enlarged():
    assert opened(thumbnail(noise(16), 50, 25)).size == (16, 8)


def test_slots_are_written_read_and_replaced(tmp_path):
    file = Thumbnails(tmp_path / "folder" / "thumbnails")
    assert (file.get(3), file.there([3])) == (b"", set())
    file.put({})
    file.put({3: b"three", 1: b"one"})
    assert [file.get(row) for row in range(5)] == [b"", b"one", b"", b"three", b""]
    assert file.there(range(9)) == {1, 3}
    file.put({3: b"3"})
    assert file.get(3) == b"3"


def test_a_slot_that_was_cut_off_is_none(tmp_path):
    path = tmp_path / "thumbnails"
    Thumbnails(path).put({0: b"something"})
    path.write_bytes(path.read_bytes()[:5])
    assert Thumbnails(path).get(0) == b""
