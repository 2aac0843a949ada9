"""A photograph of 5 MB, as a camera makes them: fine detail on soft forms, in JPEG."""

from io import BytesIO

import numpy as np
from PIL import Image


def photograph(at_least: int = 5_000_000) -> bytes:
    """A JPEG file of 2400 x 1800 pixels, of at least so many bytes and hardly more."""
    random = np.random.default_rng(14)
    soft = Image.fromarray(random.integers(0, 255, (18, 24, 3), np.uint8)).resize(
        (2400, 1800), Image.Resampling.BICUBIC
    )
    noise = random.normal(0, 26, (1800, 2400, 3))
    image = Image.fromarray((np.asarray(soft) + noise).clip(0, 255).astype(np.uint8))
    sink = BytesIO()
    for quality in (92, 95, 97, 99):
        sink = BytesIO()
        image.save(sink, "JPEG", quality=quality)
        if sink.tell() >= at_least:
            break
    return sink.getvalue()
