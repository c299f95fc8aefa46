"""URL → pixels, safely: see `loader.ImageLoader`."""

from fishermask_backend.images.loader import ImageLoader, ImageUnreachable

__all__ = ["ImageLoader", "ImageUnreachable"]
