"""The photographs that a style network learns on: crops of images and of frames of videos."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray
from PIL import Image

IMAGES = {".jpg", ".jpeg", ".png", ".webp", ".bmp"}
VIDEOS = {".mp4", ".mov", ".mkv", ".webm", ".avi"}
SHORT_SIDE = 300
FRAMES = 12

Picture = NDArray[np.uint8]


def read_content(folder: Path) -> list[Picture]:
    """All images of a folder and below, and FRAMES frames of each video, (H, W, 3); ValueError where there are none."""
    files = [path for path in sorted(folder.rglob("*")) if path.suffix.lower() in IMAGES | VIDEOS]
    pictures = [small(picture, SHORT_SIDE) for path in files for picture in _pictures(path)]
    if not pictures:
        raise ValueError(f"There is no image and no video in {folder}.")
    return pictures


def read_image(path: Path) -> Picture:
    """An image, as RGB."""
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def small(picture: Picture, short_side: int) -> Picture:
    """The picture with its short side of that length."""
    height, width = picture.shape[:2]
    scale = short_side / min(height, width)
    size = round(width * scale), round(height * scale)
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS))


def _pictures(path: Path) -> Iterator[Picture]:
    try:
        if path.suffix.lower() in IMAGES:
            yield read_image(path)
        else:
            yield from _frames(path)
    except (OSError, av.FFmpegError) as error:
        print(f"{path.name} is left out: {error}", flush=True)


def _frames(path: Path) -> Iterator[Picture]:
    with av.open(str(path)) as file:
        frames = file.streams.video[0].frames or 300
        for number, frame in enumerate(file.decode(video=0)):
            if number % max(1, frames // FRAMES) == 0:
                yield frame.to_ndarray(format="rgb24")


def crop(pictures: list[Picture], side: int, random: np.random.Generator) -> Picture:
    """A square of one of the pictures, (side, side, 3), in half of the cases mirrored."""
    picture = pictures[random.integers(len(pictures))]
    row, column = (random.integers(size - side + 1) for size in picture.shape[:2])
    square = picture[row : row + side, column : column + side]
    return square[:, ::-1] if random.random() < 0.5 else square
