"""Decodes an image file that a stranger sent: the first frame, upright, in RGB, or a reason why not."""

from io import BytesIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from shared.errors import InvalidInput

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
_HINT = "Send a JPEG, PNG, WebP, BMP or GIF file."
Image.MAX_IMAGE_PIXELS = None  # the limit is `max_pixels`, and refuses instead of warning


def decode(data: bytes, max_pixels: int) -> Image.Image:
    """The image as RGB: EXIF's rotation applied, transparency on white, colour profiles ignored.

    Raises InvalidInput for what is no image of the formats, is damaged, or has more than `max_pixels`; the size is
    looked at before anything is decoded.
    """
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check_size(image.size, max_pixels)
            return _rgb(ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise InvalidInput("This is no image.", _HINT) from error
    except InvalidInput:
        raise
    except Exception as error:
        raise InvalidInput("The image is damaged or incomplete.", _HINT) from error


def _check_size(size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise InvalidInput(f"The image has {width}x{height} pixels, {max_pixels} are allowed.", "Send a smaller one.")
    if not width * height:
        raise InvalidInput("The image has no pixels.", _HINT)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion cuts values off at 255
        values = np.asarray(image).astype(np.uint32)
        image = Image.fromarray((np.minimum(values, 65535) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        white = Image.new("RGBA", image.size, "white")
        return Image.alpha_composite(white, image.convert("RGBA")).convert("RGB")
    return image.convert("RGB")
