"""Preprocessing and top three as a peer's user would write them, with Pillow and NumPy alone."""

from io import BytesIO

import numpy as np
from PIL import Image

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)


def prepare(data: bytes) -> np.ndarray:
    """An image file as (1, 3, 224, 224) float32: shorter side 256, centre crop, ImageNet's mean and deviation."""
    image = Image.open(BytesIO(data)).convert("RGB")
    scale = 256 / min(image.size)
    width, height = (int(side * scale) for side in image.size)
    left, top = round((width - 224) / 2), round((height - 224) / 2)
    cut = image.resize((width, height), Image.Resampling.BILINEAR).crop((left, top, left + 224, top + 224))
    return ((np.asarray(cut, np.float32) / 255 - MEAN) / STD).transpose(2, 0, 1)[None]


def best(scores: np.ndarray) -> list[int]:
    """The three best classes of one row of scores."""
    return [int(index) for index in np.argsort(scores)[::-1][:3]]
