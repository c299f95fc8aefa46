"""URL → pixels, safely: see `loader.ImageLoader`."""

from fishermask_backend.images.download import ImageUnreachable
from fishermask_backend.images.loader import ImageLoader

__all__ = ["ImageLoader", "ImageUnreachable"]
