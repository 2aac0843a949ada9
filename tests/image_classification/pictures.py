"""Images of every kind, made here."""

from io import BytesIO

import numpy as np
from PIL import Image

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")


def photo(width: int = 48, height: int = 32) -> Image.Image:
    """Colours that change in both directions, so that any turn or mirror shows."""
    rows, columns = np.mgrid[0:height, 0:width]
    red, green = 255 * columns / max(width - 1, 1), 255 * rows / max(height - 1, 1)
    return Image.fromarray(np.stack([red, green, 255 - red], axis=2).astype(np.uint8))


def saved(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    """The image as a file."""
    sink = BytesIO()
    image.save(sink, form, **options)  # type: ignore[arg-type]
    return sink.getvalue()
