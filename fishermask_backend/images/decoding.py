"""The bytes of an image file → pixels, within bounds of memory and time."""

import io
import threading
import time
from contextlib import AbstractContextManager, nullcontext
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageFile, UnidentifiedImageError

from fishermask_backend.errors import ImageUnavailable
from fishermask_backend.images.depth import WITH_ALPHA, grey_levels, is_deep_colour, lit

FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF")
_SECONDS = 20.0  # for one image; a 100-megapixel photo takes about 3
_BLOCK = 8192  # bytes fed to a decoder at a time, so that the clock is looked at in between
_MANY_PIXELS = 25_000_000
# Pillow's average over the source pixels that fall into a target pixel (antialiased).
_RESAMPLING = {"bicubic": Image.Resampling.BICUBIC, "bilinear": Image.Resampling.BILINEAR}
_SCAN, _END_OF_JPEG = b"\xff\xda", b"\xff\xd9"
_LEAST_SCAN = 64  # bytes, the scan's own header among them: of fewer nothing is to be seen
_one_large_image = threading.Lock()

# The limit below is checked before any pixel is decoded; Pillow's own would warn at a value that
# nobody here has chosen.
Image.MAX_IMAGE_PIXELS = None

_RESIZED_AS_THEY_ARE = {"L", "LA", "RGB", "RGBA", "CMYK", "YCbCr"}
_TURNED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_LYING = {5, 6, 7, 8}


class Square(NamedTuple):
    """What images are resized to: S×S pixels, and how, `bicubic` or `bilinear`."""

    side: int
    interpolation: str = "bicubic"


class Picture(NamedTuple):
    """A decoded image."""

    pixels: NDArray[np.uint8]  # RGB, (3, S, S)
    shape: tuple[int, int]  # the image's own width and height, as it is shown
    cut_short: bool = False  # a part of it is missing, and grey


class PageInstead(ImageUnavailable):
    """A server sent a page or a message where an image should be."""


class _TooSlow(Exception):
    """Decoding went past its time limit. No OSError: Pillow's plugins swallow some."""


class _TimedBytes(io.BytesIO):
    """A file that stops being readable after a while.

    Small files can keep a decoder busy for hours (thousands of scans in a JPEG, millions of empty
    chunks), and a thread cannot be interrupted from outside; but every decoder reads.

    Args:
        body: The file.
        end: When, by the monotonic clock.
        ending: Read behind the last byte, once.
    """

    def __init__(self, body: bytes, end: float, ending: bytes = b"") -> None:
        super().__init__(body)
        self._end, self._ending = end, ending

    def read(self, size: int | None = -1, /) -> bytes:
        if time.monotonic() > self._end:
            raise _TooSlow
        found = super().read(size)
        if not found and size != 0:
            found, self._ending = self._ending, b""
        return found


def decode(
    body: bytes,
    size: int,
    *,
    max_pixels: float,
    interpolation: str = "bicubic",
    seconds: float = _SECONDS,
) -> Picture:
    """Decode an image file into a square of RGB pixels.

    The whole picture is squashed to the square: cropping would cut off what an annotator's label
    may be about, and padding would spend pixels on nothing. Of an animation the first frame is
    taken, EXIF orientation is applied, transparency is laid over white (as Label Studio shows it);
    colour profiles are ignored. Of a JPEG that is cut short, what is there is taken, and the rest is
    grey, as browsers show it.

    Args:
        body: The file.
        size: S, the side of the square, pixels.
        max_pixels: Largest width × height, read from the header before a pixel is decoded.
        interpolation: `bicubic` or `bilinear`.
        seconds: Time limit.

    Raises:
        ImageUnavailable: Not an image of a known format, broken, too large or too slow to decode.
    """
    end, square = time.monotonic() + seconds, Square(size, interpolation)
    try:
        try:
            return _decoded(_TimedBytes(body, end), square, max_pixels)
        except OSError:
            if not _cut_short(body):
                raise
            found = _decoded(_TimedBytes(body, end, _END_OF_JPEG), square, max_pixels)
            return found._replace(cut_short=True)
    except ImageUnavailable:
        raise
    except UnidentifiedImageError:
        what = _what(body)
        kind = PageInstead if what in _PAGES else ImageUnavailable
        raise kind(f"the file is {what}; this backend reads {', '.join(FORMATS)}") from None
    except _TooSlow:
        raise ImageUnavailable(
            f"decoding took longer than {seconds:.0f} s; save the image anew"
        ) from None
    except Exception as error:  # Pillow's plugins raise all there is on broken files
        raise ImageUnavailable(
            f"the image file is damaged or cut short ({type(error).__name__}: {error})"
        ) from None


def _decoded(file: _TimedBytes, square: Square, max_pixels: float) -> Picture:
    with Image.open(file, formats=FORMATS) as image:
        _check_size(image, max_pixels)
        with _turn(image):
            return _pixels(image, square)


def _cut_short(body: bytes) -> bool:
    """Whether a file is a JPEG whose picture has begun and not ended: browsers show what is there."""
    begun = body.rfind(_SCAN)
    return (
        body.startswith(b"\xff\xd8")
        and begun > 0
        and len(body) - begun > _LEAST_SCAN
        and not body.endswith(_END_OF_JPEG)
    )


def _check_size(image: Image.Image, max_pixels: float) -> None:
    width, height = image.size
    if width * height > max_pixels:
        raise ImageUnavailable(
            f"the image has {width} × {height} pixels, more than MAX_IMAGE_PIXELS={max_pixels:.0f} "
            "allows"
        )


def _turn(image: Image.Image) -> AbstractContextManager[object]:
    """Large images wait for each other: together they would need gigabytes."""
    return _one_large_image if image.width * image.height > _MANY_PIXELS else nullcontext()


def _pixels(image: ImageFile.ImageFile, square: Square) -> Picture:
    width, height = image.size
    image.draft(None, (2 * square.side, 2 * square.side))  # a JPEG is decoded at 1/2, 1/4 or 1/8
    image.decodermaxblock = _BLOCK
    small = _on_white(_squashed(image, square))
    orientation = _orientation(image)
    turned = _TURNED.get(orientation)
    if turned is not None:
        small = small.transpose(turned)
    pixels = np.ascontiguousarray(np.asarray(small, dtype=np.uint8).transpose(2, 0, 1))
    return Picture(pixels, (height, width) if orientation in _LYING else (width, height))


def _squashed(image: Image.Image, square: Square) -> Image.Image:
    """Resize, in the image's own mode where that can be averaged: the small copy is converted."""
    deep = is_deep_colour(image)
    image.load()
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        image = grey_levels(image)
    elif deep:
        image = lit(image)
    elif "transparency" in image.info or image.mode in ("PA", "La", "RGBa"):
        image = image.convert("RGBA")
    elif image.mode not in _RESIZED_AS_THEY_ARE:
        image = image.convert("L" if image.mode == "1" else "RGB")
    resampling = _RESAMPLING[square.interpolation]
    return image.resize((square.side, square.side), resampling, reducing_gap=3.0)


def _on_white(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        levels = np.clip(np.rint(np.asarray(image)), 0, 255).astype(np.uint8)
        image = Image.fromarray(levels)
    if image.mode not in WITH_ALPHA:
        return image.convert("RGB")
    image = image.convert("RGBA")
    white = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(white, image).convert("RGB")


def _orientation(image: Image.Image) -> int:
    """EXIF orientation, 1 if there is none; broken EXIF data does not spoil a good image."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:
        return 1


def _what(body: bytes) -> str:
    """Return what a file is that is no image we read, for the message."""
    start = body[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not body:
        return "empty"
    if body[4:8] == b"ftyp":
        return "an AVIF image" if body[8:12] in (b"avif", b"avis") else "a HEIC image or a video"
    for name, signs in _SIGNS.items():
        if any(sign in start if sign == b"<svg" else start.startswith(sign) for sign in signs):
            return name
    return "no image, or a damaged one"


_PAGES = {
    "an HTML page (a log-in or error page, often)": (b"<!doctype html", b"<html", b"<head"),
    "XML, often a storage's error message": (b"<?xml", b"<error"),
    "JSON, not an image": (b"{", b"["),
}
_SIGNS = {
    "an SVG drawing": (b"<svg",),
    **_PAGES,
    "a PDF": (b"%pdf",),
    "a Photoshop file": (b"8bps",),
    "a JPEG 2000 image": (b"\x00\x00\x00\x0cjp  ", b"\xff\x4f\xff\x51"),
}
