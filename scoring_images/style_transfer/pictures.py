"""Pictures of a styled video: a poster, and a sheet that shows moments of it before and after."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import av
import cv2
import ffmpeg
import numpy as np

from scoring_images.style_transfer.color import Picture, ToRgb
from scoring_images.style_transfer.container import default_stream
from scoring_images.style_transfer.ffmpeg_call import call
from scoring_images.style_transfer.frames import decode
from scoring_images.style_transfer.strand import times
from scoring_images.style_transfer.video import Video
from shared.errors import Transient

MOMENTS = 4
POSTER, CELL = 1280, 480
"""The longer side of a poster, and of each picture of a sheet, in pixels at most."""

_SECONDS = 120.0


def poster(styled: Path, video: Video, target: Path) -> None:
    """Write a JPEG of the styled frame a third into the video, upright and with square pixels."""
    number = len(video.timestamps) // 3
    _write([_shown(_styled(styled, video, number), video, POSTER)], 1, target)


def sheet(source: BinaryIO, styled: Path, video: Video, target: Path, moments: int = MOMENTS) -> None:
    """Write a JPEG of frames spread over the video: those of the source above, the styled ones below."""
    count = len(video.timestamps)
    numbers = [count * (2 * moment + 1) // (2 * moments) for moment in range(moments)]
    before = [next(decode(source, video, number, number + 1)) for number in numbers]
    after = [_styled(styled, video, number) for number in numbers]
    _write([_shown(picture, video, CELL) for picture in before + after], moments, target)


def _styled(path: Path, video: Video, number: int) -> Picture:
    time = times(video)[number]
    with av.open(str(path)) as file:
        stream = default_stream(file)
        file.seek(time, stream=stream)
        for frame in islice(file.decode(stream), 1000):
            if frame.pts is not None and frame.pts >= time:
                return ToRgb(video.color, video.width, video.height)(frame)
    raise Transient(f"Frame {number} of the styled video cannot be found.")


def _shown(picture: Picture, video: Video, side: int) -> Picture:
    """As players show it: square pixels, turned upright, at most `side` wide and high, in even numbers."""
    width, height = picture.shape[1] * float(video.sample_aspect_ratio), float(picture.shape[0])
    scale = min(1.0, side / max(width, height))
    size = [max(2, 2 * round(length * scale / 2)) for length in (width, height)]
    small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA)
    return _upright(np.asarray(small, np.uint8), video.display_matrix)


def _upright(picture: Picture, matrix: Sequence[int]) -> Picture:
    """The picture turned and mirrored by a display matrix, to the nearest quarter; see ISO 14496-12, 6.2.2."""
    if not matrix:
        return picture
    across, down, across_by_row, down_by_row = matrix[0], matrix[1], matrix[3], matrix[4]
    if abs(down) > abs(across):
        picture, across, down_by_row = picture.swapaxes(0, 1), across_by_row, down
    return picture[:: -1 if down_by_row < 0 else 1, :: -1 if across < 0 else 1]


def _write(pictures: Sequence[Picture], columns: int, target: Path) -> None:
    height, width = pictures[0].shape[:2]
    data = b"".join(np.ascontiguousarray(picture).tobytes() for picture in pictures)
    raw = ffmpeg.input("pipe:", format="rawvideo", pix_fmt="rgb24", video_size=(width, height), framerate=1)
    tiled = raw.filter("tile", layout=f"{columns}x{len(pictures) // columns}", padding=4 if columns > 1 else 0)
    call(tiled.output(str(target), format="mjpeg", vframes=1, pix_fmt="yuvj420p", **{"q:v": 3}), _SECONDS, data)
