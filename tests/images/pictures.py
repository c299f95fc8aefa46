"""Image files, made byte by byte."""

import io
import struct
import zlib

from PIL import Image

from fishermask_backend.images.decoding import decode
from tests.images.image_server import png

WHITE = [255, 255, 255]


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixels(body, size=8, max_pixels=1e6, **options):
    return decode(body, size, max_pixels=max_pixels, **options).pixels


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def header_only(kind, width, height):
    if kind == "PNG":
        ihdr = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
        return (
            b"\x89PNG\r\n\x1a\n"
            + chunk(b"IHDR", ihdr)
            + chunk(b"IDAT", zlib.compress(b""))
            + chunk(b"IEND")
        )
    if kind == "GIF":
        return (
            b"GIF89a"
            + struct.pack("<HHBBB", 8, 8, 0, 0, 0)
            + b","
            + struct.pack("<HHHHB", 0, 0, width, height, 0)
            + b"\x02\x00;"
        )
    if kind == "BMP":
        return b"BM" + struct.pack(
            "<IIIIiiHHIIiiII", 54, 0, 54, 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0
        )
    body = bytearray(saved(Image.new("RGB", (16, 16)), "JPEG"))
    at = body.index(b"\xff\xc0") + 5
    body[at : at + 4] = struct.pack(">HH", height, width)
    return bytes(body)


def scans_without_end():
    image = Image.new("L", (4000, 4000), 128)
    body = saved(image, "JPEG", progressive=True)
    scan = body[body.rindex(b"\xff\xda") : -2]
    return body[:-2] + scan * 20_000 + body[-2:]


def chunks_without_end():
    body = png()
    return body[:33] + chunk(b"abCd") * 500_000 + body[33:]


def markers_without_end():
    return b"\xff\xd8" + b"\xff\xe5\x00\x02" * 2_000_000
