"""Colour: what a video says of its samples, and exact ways from them to RGB and back."""

from dataclasses import dataclass

import numpy as np
from av import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter
from numpy.typing import NDArray

type Picture = NDArray[np.uint8]

EXACT = (
    Interpolation.AREA
    | Interpolation.ACCURATE_RND
    | Interpolation.BITEXACT
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
)
"""Without these swscale is quicker, but one to two levels too dark, and not the same on every processor."""

RGB, BT709, UNSPECIFIED = 0, 1, 2
_MATRICES = {1: 1, 4: 4, 5: 5, 6: 5, 7: 7, 9: 9}  # ITU-T H.273 matrix coefficients -> swscale's
_HD_PIXELS = 1280 * 720
_FORMATS_IN_FULL_RANGE = ("yuvj", "rgb", "bgr", "gbr", "pal", "argb", "abgr", "gray", "mono", "0rgb", "0bgr")


@dataclass(frozen=True, slots=True)
class Color:
    """The code points of ITU-T H.273 that a video carries (2: unspecified), and whether its range is full.

    `matrix` is the one used, in swscale's numbers, where the video names none or one that is not supported.
    """

    space: int
    primaries: int
    transfer: int
    full: bool
    matrix: int

    @property
    def range(self) -> ColorRange:
        return ColorRange.JPEG if self.full else ColorRange.MPEG


def color_of(frame: VideoFrame) -> Color:
    """The colour of a decoded frame, as its copy in 8-bit YUV 4:2:0 will have it."""
    space, full = int(frame.colorspace), int(frame.color_range) == ColorRange.JPEG
    name = frame.format.name
    if frame.format.is_rgb or name.startswith("pal"):
        space, full = BT709, False
    elif name.startswith("yuvj") or (name.startswith("gray") and int(frame.color_range) == ColorRange.UNSPECIFIED):
        full = name.startswith("yuvj")
    if space not in _MATRICES and space != UNSPECIFIED:
        space = BT709
    matrix = _MATRICES.get(space, 1 if frame.width * frame.height >= _HD_PIXELS else 5)
    return Color(space, int(frame.color_primaries), int(frame.color_trc), full, matrix)


class ToRgb:
    """Turns decoded frames into RGB of one size."""

    def __init__(self, color: Color, width: int, height: int) -> None:
        self._color, self._size = color, (width, height)
        self._scaler = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> Picture:
        """uint8 (height, width, 3); a frame of another size is scaled."""
        plain = frame.format.is_rgb or frame.format.name.startswith("pal")
        picture = self._scaler.reformat(
            frame,
            *self._size,
            format="rgb24",
            src_colorspace=None if plain else self._color.matrix,
            src_color_range=ColorRange.JPEG if plain else self._color.range,
            dst_color_range=ColorRange.JPEG,
            interpolation=EXACT,
            threads=1,
        )
        return np.asarray(picture.to_ndarray(), np.uint8)


class FromRgb:
    """Turns RGB into frames of 8-bit YUV 4:2:0."""

    def __init__(self, color: Color) -> None:
        self._color = color
        self._scalers = VideoReformatter(), VideoReformatter()

    def __call__(self, picture: Picture) -> VideoFrame:
        """A frame of uint8 (H, W, 3), H and W even."""
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        if not self._color.full:
            return self._scale(0, frame, "yuv420p", source=None)
        # In full range swscale rounds 8-bit chroma down, half a level on average: not so from 10 bits.
        fine = self._scale(0, frame, "yuv420p10le", source=None)
        return self._scale(1, fine, "yuv420p", source=self._color.matrix)

    def _scale(self, scaler: int, frame: VideoFrame, form: str, source: int | None) -> VideoFrame:
        return self._scalers[scaler].reformat(
            frame,
            format=form,
            src_colorspace=source,
            dst_colorspace=self._color.matrix,
            src_color_range=ColorRange.JPEG if source is None else self._color.range,
            dst_color_range=self._color.range,
            interpolation=EXACT,
            threads=1,
        )


def even(picture: Picture) -> Picture:
    """The picture with its last row and column repeated where their number is odd."""
    height, width = picture.shape[:2]
    if height % 2 == 0 and width % 2 == 0:
        return picture
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
