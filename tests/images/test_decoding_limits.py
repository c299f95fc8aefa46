"""Files that are too large, too slow or damaged, made here byte by byte."""

import threading
import time

import numpy as np
import pytest
from PIL import Image

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images import decoding
from tests.images.image_server import png
from tests.images.pictures import (
    chunks_without_end,
    header_only,
    markers_without_end,
    pixels,
    saved,
    scans_without_end,
)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "JPEG"])
def test_too_many_pixels_are_refused_by_the_header(kind):
    with pytest.raises(ImageUnavailable, match="30000 × 30000 pixels, more than MAX_IMAGE_PIXELS"):
        pixels(header_only(kind, 30_000, 30_000), max_pixels=100e6)


def test_a_decompression_bomb_is_refused_without_decoding_it():
    body = saved(Image.new("L", (4000, 4000)), "PNG")
    assert len(body) < 20_000
    with pytest.raises(ImageUnavailable, match="MAX_IMAGE_PIXELS=1000000"):
        pixels(body)


@pytest.mark.filterwarnings("error")
def test_the_pixel_limit_is_the_setting_not_pillows_own():
    with pytest.raises(ImageUnavailable, match="damaged"):  # and not: too many pixels
        pixels(header_only("PNG", 20_000, 10_000), max_pixels=1e9)


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "made", [scans_without_end, chunks_without_end, markers_without_end], ids=lambda f: f.__name__
)
def test_files_that_keep_a_decoder_busy_are_given_up(made):
    with pytest.raises(ImageUnavailable, match="decoding took longer than"):
        pixels(made(), max_pixels=100e6, seconds=0.1)


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_bytes_never_raise_anything_else():
    rng = np.random.default_rng(0)
    image = Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8))
    refused = 0
    for kind in ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"):
        good = saved(image, kind)
        for _ in range(150):
            body = bytearray(good)
            for at in rng.integers(0, len(body), rng.integers(1, 12)):
                body[at] = rng.integers(0, 256)
            try:
                assert pixels(bytes(body)).shape == (3, 8, 8)
            except ImageUnavailable:
                refused += 1
    assert refused > 100


def test_large_images_are_decoded_side_by_side_with_small_ones(monkeypatch):
    """Large ones wait for each other; nobody waits for ever."""
    at_work, most = [], []
    real = decoding._pixels

    def watched(image, size):
        if image.width > 1000:
            at_work.append(image)
            most.append(len(at_work))
            time.sleep(0.2)  # others would come meanwhile
            at_work.pop()
        return real(image, size)

    monkeypatch.setattr(decoding, "_pixels", watched)
    large, small = saved(Image.new("L", (5200, 5000), 9), "PNG"), png()
    results = []
    threads = [
        threading.Thread(target=lambda b=body: results.append(pixels(b, max_pixels=1e8).mean()))
        for body in (large, large, small, small)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [9, 9, 85, 85]
    assert most == [1, 1]
