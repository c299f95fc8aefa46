"""Files of more than 8 bits a channel are as bright as they are meant."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from tests.images.pictures import WHITE, chunk, pixels, saved


def test_sixteen_bit_grey_is_scaled_not_clipped():
    levels = np.repeat(np.linspace(0, 65535, 8).astype(np.uint16)[None], 8, axis=0)
    expected = np.rint(levels[0] / 257).astype(int).tolist()
    for kind in ("PNG", "TIFF"):
        assert pixels(saved(Image.fromarray(levels), kind))[0, 0].tolist() == expected
    big_endian = Image.fromarray(levels.astype(">u2"))
    assert pixels(saved(big_endian, "TIFF"))[0, 0].tolist() == expected


@pytest.mark.parametrize("dtype", [np.int32, np.float32])
def test_grey_without_an_agreed_white_is_stretched(dtype):
    levels = np.repeat(np.linspace(-1000, 3000, 8)[None], 8, axis=0).astype(dtype)
    result = pixels(saved(Image.fromarray(levels), "TIFF"))[0, 0].astype(int)
    assert np.abs(result - np.linspace(0, 255, 8)).max() <= 1
    flat = np.full((8, 8), 7, dtype)
    assert (pixels(saved(Image.fromarray(flat), "TIFF")) == 0).all()


def test_floats_that_are_no_numbers_do_no_harm():
    levels = np.full((8, 8), np.nan, np.float32)
    levels[0] = 1
    assert pixels(saved(Image.fromarray(levels), "TIFF"))[0, 0].max() == 255


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_grey_of_fewer_bits_in_sixteen_is_not_black(bits):
    white = 2**bits - 1
    levels = np.repeat(np.linspace(0, white, 8).astype(np.uint16)[None], 8, axis=0)
    expected = levels[0] * (255 / white)
    for kind in ("PNG", "TIFF"):
        found = pixels(saved(Image.fromarray(levels), kind))[0, 0].astype(int)
        assert np.abs(found - expected).max() <= 1
    assert pixels(saved(Image.fromarray(np.zeros((8, 8), np.uint16)), "PNG")).max() == 0


def deep_colour(*pixel):
    """A PNG of one colour, 16 bits a channel."""
    row = b"\x00" + struct.pack(f">{len(pixel)}H", *pixel) * 8
    kind = {2: 4, 3: 2, 4: 6}[len(pixel)]
    header = struct.pack(">IIBBBBB", 8, 8, 16, kind, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(row * 8)) + chunk(b"IEND")
    return b"\x89PNG\r\n\x1a\n" + data


@pytest.mark.parametrize(
    ("pixel", "shown"),
    [
        ((4095, 2048, 0), [255, 136, 0]),
        ((1023, 512, 0), [255, 170, 0]),
        ((16383, 8192, 0), [255, 130, 0]),
        ((4095, 2048, 0, 65535), [255, 136, 0]),
        ((4095, 2048, 0, 0), WHITE),
        ((4095, 65535), [255, 255, 255]),
        ((65535, 4095, 0), [255, 15, 0]),
        ((0, 0, 0), [0, 0, 0]),
    ],
)
def test_colour_of_fewer_bits_in_sixteen_is_not_black(pixel, shown):
    assert pixels(deep_colour(*pixel))[:, 0, 0].tolist() == shown


def test_sixteen_bit_colour():
    assert pixels(deep_colour(65535, 32896, 0))[:, 0, 0].tolist() == [255, 128, 0]
