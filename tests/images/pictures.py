"""Image files, made byte by byte."""

import io
import struct
import zlib

from fishermask_backend.images.decoding import decode

WHITE = [255, 255, 255]


def saved(image, kind, **options):
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def pixels(body, size=8, max_pixels=1e6, **options):
    return decode(body, size, max_pixels=max_pixels, **options).pixels


def chunk(kind, data=b""):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
