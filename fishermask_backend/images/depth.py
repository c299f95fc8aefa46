"""Images of more than 8 bits a channel: as bright as they are meant."""

import numpy as np
from PIL import Image

WITH_ALPHA = {"LA", "La", "PA", "RGBA", "RGBa"}
_BITS = (8, 10, 12, 14, 16)  # of values that are stored in 16


def grey_levels(image: Image.Image) -> Image.Image:
    """Return grey of more than 8 bits as floats in 0…255, where Pillow's own conversion would clip.

    16-bit files often hold values of 10, 12 or 14 bits (of detectors, of X-ray): white is the largest
    value of as many bits as the brightest pixel needs. 32-bit and float files have no agreed white:
    their own darkest and brightest pixel become 0 and 255.
    """
    if image.mode.startswith("I;16"):
        levels = np.asarray(image).astype(np.float32)
        return Image.fromarray(levels * (255 / _white(float(levels.max()))))
    values = np.nan_to_num(np.asarray(image).astype(np.float32), posinf=0.0, neginf=0.0)
    low, high = float(values.min()), float(values.max())
    return Image.fromarray((values - low) * (255 / ((high - low) or 1)))


def _white(brightest: float) -> int:
    return next((1 << bits) - 1 for bits in _BITS if brightest < 1 << bits)


def is_deep_colour(image: Image.Image) -> bool:
    """Say whether a colour image, not decoded yet, has 16 bits a channel, of which Pillow keeps 8."""
    if image.mode not in ("RGB", "RGBA", "LA"):
        return False
    return any("16" in str(tile[3]) for tile in getattr(image, "tile", []))


def lit(image: Image.Image) -> Image.Image:
    """Return colour of 10, 12 or 14 bits in 16 as bright as it is meant.

    Pillow has kept the upper 8 bits.
    """
    channels = list(image.split())
    colours = len(channels) - (image.mode in WITH_ALPHA)
    brightest = max(int(channel.getextrema()[1]) for channel in channels[:colours])  # type: ignore[arg-type]
    factor = 255 / (_white(brightest * 256.0) // 256 or 255)
    if factor > 1:
        channels[:colours] = [c.point(lambda v: round(v * factor)) for c in channels[:colours]]
        image = Image.merge(image.mode, channels)
    return image
