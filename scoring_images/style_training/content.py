"""The photographs that a style network learns on: crops of images and of frames of videos."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from scoring_images.style_training.arguments import IMAGES, VIDEOS
from scoring_images.style_training.errors import Refused

Picture = NDArray[np.uint8]
"""(H, W, 3), RGB."""

FRAMES = 12
"""Frames taken of each video, spread over it."""


class ContentError(Refused):
    """There is nothing to train on; the message says where it was looked for."""


def read_content(folders: Sequence[Path], short_side: int) -> list[list[Picture]]:
    """For each image of the folders and below, and each video, its pictures; ContentError where there are none."""
    files = sorted({path for folder in folders for path in ([folder] if folder.is_file() else folder.rglob("*"))})
    read = [[small(picture, short_side) for picture in _pictures(path)] for path in files]
    pictures = [frames for frames in read if frames]
    if not pictures:
        raise ContentError(f"There is no image and no video in {', '.join(map(str, folders))}.")
    return pictures


def read_image(path: Path) -> Picture:
    """An image; raises ContentError where it cannot be read."""
    image = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if image is None:
        raise ContentError(f"{path} is not an image that can be read.")
    return np.ascontiguousarray(image[:, :, ::-1], np.uint8)


def small(picture: Picture, short_side: int) -> Picture:
    """The picture with its short side of that length."""
    scale = short_side / min(picture.shape[:2])
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=how), np.uint8)


def crop(pictures: Sequence[Sequence[Picture]], side: int, random: np.random.Generator) -> Picture:
    """A square of one of the pictures, (side, side, 3), in half of the cases mirrored.

    Every file is as likely: a video of twelve like frames counts no more than a photograph. Of two squares that with
    more to see is taken: from walls and skies there is little to learn.
    """
    return max((_square(pictures, side, random) for _ in range(2)), key=np.std)


def _square(pictures: Sequence[Sequence[Picture]], side: int, random: np.random.Generator) -> Picture:
    frames = pictures[int(random.integers(len(pictures)))]
    picture = frames[int(random.integers(len(frames)))]
    row, column = (int(random.integers(size - side + 1)) for size in picture.shape[:2])
    square = picture[row : row + side, column : column + side]
    return square[:, ::-1] if random.random() < 0.5 else square


def _pictures(path: Path) -> Iterator[Picture]:
    if path.suffix.lower() in IMAGES:
        yield read_image(path)
    elif path.suffix.lower() in VIDEOS:
        yield from _frames(path)


def _frames(path: Path) -> Iterator[Picture]:
    """A file that cannot be read as a video gives none."""
    video = cv2.VideoCapture(str(path))
    every = max(1, int(video.get(cv2.CAP_PROP_FRAME_COUNT)) // FRAMES)
    for number in range(every * FRAMES):
        if not video.grab():
            break
        if number % every == 0:
            read, frame = video.retrieve()
            if read:
                yield np.ascontiguousarray(frame[:, :, ::-1], np.uint8)
    video.release()
