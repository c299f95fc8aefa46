"""Files of every kind, good and hostile, made here byte by byte."""

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images import decoding
from tests.images.pictures import WHITE, header_only, pixels, saved, scans_without_end

RED = [255, 0, 0]


def halves(left, right, mode="RGB", size=(64, 32)):
    image = Image.new(mode, size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    return image


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF"])
def test_every_format_comes_out_as_rgb_squares(kind):
    result = pixels(saved(halves("red", "blue"), kind))
    assert result.shape == (3, 8, 8)
    assert result.dtype == np.uint8
    assert result.flags.c_contiguous
    assert np.abs(result[:, 4, 1].astype(int) - RED).max() <= 3
    assert np.abs(result[:, 4, 6].astype(int) - [0, 0, 255]).max() <= 3


@pytest.mark.parametrize("size", [(640, 8), (8, 640), (1, 1), (8, 8), (3, 5)])
def test_the_whole_picture_is_squashed_never_cropped(size):
    """The outermost rows and columns of any shape of picture reach the square's edges."""
    image = Image.new("RGB", size, "red")
    result = pixels(saved(image, "PNG"))
    assert (result == np.array(RED)[:, None, None]).all()
    if size[0] == 640:
        result = pixels(saved(halves("red", "blue", size=size), "PNG"))
        assert result[:, 4, 0].tolist() == RED
        assert result[:, 4, 7].tolist() == [0, 0, 255]


@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_shrinking_averages_instead_of_skipping(mode):
    stripes = np.zeros((800, 800), np.uint8)
    stripes[:, ::2] = 255
    result = pixels(saved(Image.fromarray(stripes).convert(mode), "PNG"))
    assert np.abs(result.astype(int) - 127).max() <= 2


@pytest.mark.parametrize("interpolation", ["bicubic", "bilinear"])
def test_the_interpolation_is_the_one_asked_for(interpolation):
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), np.uint8)
    image = Image.fromarray(noise)
    way = Image.Resampling[interpolation.upper()]
    expected = np.asarray(image.resize((8, 8), way, reducing_gap=3.0)).transpose(2, 0, 1)
    found = pixels(saved(image, "PNG"), interpolation=interpolation)
    assert np.array_equal(found, expected)


def test_a_jpeg_decoded_smaller_looks_as_if_decoded_whole():
    rng = np.random.default_rng(0)
    smooth = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
    large = smooth.resize((300, 200), Image.Resampling.BICUBIC)
    body = saved(large, "JPEG", quality=95)
    whole = Image.open(io.BytesIO(body)).resize((32, 32), Image.Resampling.BICUBIC)
    expected = np.asarray(whole).transpose(2, 0, 1).astype(int)
    assert np.abs(pixels(body, 32).astype(int) - expected).mean() < 1.5


def test_cmyk():
    image = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    for kind in ("JPEG", "TIFF"):
        red, green, blue = pixels(saved(image, kind))[:, 4, 4].astype(int)
        assert red > 240
        assert max(green, blue) < 20


def test_transparency_lies_over_white():
    clear = Image.new("RGBA", (16, 16), (0, 0, 0, 0))
    half = Image.new("RGBA", (16, 16), (255, 0, 0, 128))
    for kind in ("PNG", "WEBP", "TIFF"):
        assert pixels(saved(clear, kind))[:, 4, 4].tolist() == WHITE
    assert pixels(saved(half, "PNG"))[:, 4, 4].tolist() == [255, 127, 127]
    assert pixels(saved(Image.new("LA", (16, 16), (0, 0)), "PNG"))[:, 4, 4].tolist() == WHITE
    keyed = saved(Image.new("RGB", (16, 16), (1, 2, 3)), "PNG", transparency=(1, 2, 3))
    assert pixels(keyed)[:, 4, 4].tolist() == WHITE


def test_hidden_colours_do_not_bleed_in_at_the_edges():
    image = halves((255, 255, 255, 255), (0, 0, 0, 0), "RGBA")
    assert pixels(saved(image, "PNG")).min() == 255


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_a_palette_with_transparency(kind):
    image = halves(1, 0, "P")
    image.putpalette([0, 0, 0, 255, 0, 0])
    result = pixels(saved(image, kind, transparency=0))
    assert result[:, 4, 0].tolist() == RED
    assert result[:, 4, 7].tolist() == WHITE


def test_black_and_white():
    assert pixels(saved(halves(1, 0, "1"), "PNG"))[0, 4].tolist()[::7] == [255, 0]


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP"])
def test_of_an_animation_the_first_frame(kind):
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue", "green")]
    options = {"lossless": True} if kind == "WEBP" else {}
    body = saved(frames[0], kind, save_all=True, append_images=frames[1:], **options)
    assert pixels(body)[:, 4, 4].tolist() == RED


def test_of_a_multi_picture_photo_the_first():
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    body = saved(frames[0], "MPO", save_all=True, append_images=frames[1:])
    assert np.abs(pixels(body)[:, 4, 4].astype(int) - RED).max() <= 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(kind, orientation):
    """A picture stored turned each way comes out as the upright one does."""
    upright = Image.new("RGB", (48, 32), "red")
    upright.paste("blue", (0, 0, 24, 16))
    upright.paste("white", (24, 16, 48, 32))
    undo = {
        1: None,
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }[orientation]
    stored = upright if undo is None else upright.transpose(undo)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    body = saved(stored, kind, exif=exif)
    assert decoding.decode(body, 16, max_pixels=1e6).shape == (48, 32)
    result = pixels(body).astype(int)
    corners = {(1, 1): [0, 0, 255], (1, 6): RED, (6, 1): RED, (6, 6): WHITE}
    for (y, x), colour in corners.items():
        assert np.abs(result[:, y, x] - colour).max() <= 30


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_broken_exif_does_not_spoil_a_picture():
    body = saved(Image.new("RGB", (16, 16), "red"), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert np.abs(pixels(body)[:, 4, 4].astype(int) - RED).max() <= 3


def noise(kind, **options):
    rng = np.random.default_rng(0)
    return saved(
        Image.fromarray(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)), kind, **options
    )


@pytest.mark.parametrize(
    ("kind", "share"),
    [
        ("JPEG", 0.02),
        *((k, s) for k in ("PNG", "WEBP", "GIF", "BMP", "TIFF") for s in (0.02, 0.5, 0.95)),
    ],
)
def test_truncated_files_are_refused(kind, share):
    body = noise(kind)
    with pytest.raises(ImageUnavailable, match=r"damaged"):
        pixels(body[: int(len(body) * share)])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 2, "quality": 30}])
@pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
@pytest.mark.parametrize("share", [0.4, 0.6, 0.9, 0.99])
def test_of_a_jpeg_cut_short_what_is_there_is_used(share, mode, options):
    whole = saved(
        Image.open(io.BytesIO(noise("PNG"))).resize((256, 256)).convert(mode), "JPEG", **options
    )
    cut = whole[: int(len(whole) * share)]
    found, expected = (pixels(body, 16).astype(int) for body in (cut, whole))
    rows = 16 if options.get("progressive") else int(16 * share) - 4
    assert np.abs(found[:, :rows] - expected[:, :rows]).mean() < (40 if rows == 16 else 2)
    told = [decoding.decode(body, 16, max_pixels=1e6).cut_short for body in (cut, whole)]
    assert told == [True, False]


def test_a_jpeg_that_has_only_begun_is_refused():
    whole = noise("JPEG")
    start = whole.index(b"\xff\xda")
    for length in (start, start + 2, start + 20, start + 40):
        with pytest.raises(ImageUnavailable, match="damaged"):
            pixels(whole[:length])


@pytest.mark.timeout(60)
def test_a_jpeg_cut_short_takes_no_longer_than_others():
    with pytest.raises(ImageUnavailable, match="decoding took longer than"):
        pixels(scans_without_end()[:-2], max_pixels=100e6, seconds=0.1)


def test_a_bomb_cut_short_is_refused_by_its_header():
    with pytest.raises(ImageUnavailable, match="MAX_IMAGE_PIXELS"):
        pixels(header_only("JPEG", 30_000, 30_000)[:-2], max_pixels=100e6)


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", "the file is empty"),
        (b"\0" * 100, "no image"),
        (b"hello", "no image"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "an HTML page"),
        (b"\xef\xbb\xbf \n<HTML>", "an HTML page"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "an SVG drawing"),
        (b"<?xml version='1.0'?>\n<!-- x -->\n<svg/>", "an SVG drawing"),
        (b"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", "XML"),
        (b'{"detail": "Not found."}', "JSON"),
        (b"%PDF-1.7", "a PDF"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC image"),
        (b"\0\0\0\x1cftypavif\0\0\0\0mif1avif", "an AVIF image"),
        (saved(Image.new("RGB", (8, 8)), "JPEG2000"), "a JPEG 2000 image"),
        (saved(Image.new("RGB", (8, 8)), "ICO"), "no image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no image"),
    ],
)
def test_what_is_no_image_is_named(body, found):
    with pytest.raises(ImageUnavailable, match=f"{found}.*this backend reads PNG, JPEG"):
        pixels(body)
