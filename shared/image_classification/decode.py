"""Decodes an image file that a stranger sent: the first frame, upright, in RGB, or a reason why not."""

import warnings
from io import BytesIO

import numpy as np
from PIL import ExifTags, Image, UnidentifiedImageError

from shared.errors import InvalidInput

FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF")
_HINT = "Send a JPEG, PNG, WebP, BMP or GIF file."
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SEGMENTS = {b"\xff\xda": 50, b"\xff\xe1": 500}
"""How many scans and APP1 segments a JPEG may have: a scan of 42 bytes takes as long as all pixels, and the time that
Pillow takes for segments grows with the square of their number."""

Image.MAX_IMAGE_PIXELS = None  # the limit is `max_pixels`, and refuses instead of warning
warnings.filterwarnings("ignore", module=r"PIL\.")  # of what a stranger's file has wrong: it is read or refused


def decode(data: bytes, max_pixels: int) -> Image.Image:
    """The image as RGB: EXIF's rotation applied, transparency on white, colour profiles ignored.

    Raises InvalidInput for what is no image of the formats, is damaged, or has more than `max_pixels`; the size is
    looked at before anything is decoded. Needs up to 12 bytes a pixel beside the data.
    """
    try:
        with Image.open(BytesIO(data), formats=FORMATS) as image:
            _check_size(image.size, max_pixels)
            if data.startswith(b"\xff\xd8"):
                _check_segments(data)
            image.load()
            return _rgb(_upright(image))
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


def _check_segments(data: bytes) -> None:
    for marker, most in _SEGMENTS.items():
        if (count := data.count(marker)) > most:
            raise InvalidInput(f"The JPEG file has {count} segments of a kind, {most} are allowed.", "Save it anew.")


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _TURNS.get(int(image.getexif().get(ExifTags.Base.Orientation, 1)))
    except Exception:  # noqa: BLE001 nothing is wrong with the pixels of an image whose EXIF data cannot be read
        turn = None
    return image if turn is None else image.transpose(turn)


def _rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I"):  # 16 bits; Pillow's own conversion cuts values off at 255
        image = Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    if image.has_transparency_data:
        inks = image if image.mode == "RGBA" else image.convert("RGBA")
        white = Image.new("RGB", image.size, "white")
        white.paste(inks, mask=inks)
        return white
    return image if image.mode == "RGB" else image.convert("RGB")
