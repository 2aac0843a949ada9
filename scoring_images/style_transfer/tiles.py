"""Cuts a frame into overlapping tiles, so that a network's memory does not grow with the frame."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

OVERLAP = 64
"""How far a tile reaches beyond what is kept of it: a pixel of Johnson's network sees 60 around it."""

type Slices = tuple[slice, slice]


@dataclass(frozen=True, slots=True)
class Tile:
    """What is styled (`outer`) and which part of it is kept (`inner`), in pixels of the frame: rows, columns."""

    outer: Slices
    inner: Slices

    @property
    def inner_in_outer(self) -> Slices:
        """The kept part, in pixels of the tile."""
        rows, columns = (
            slice(kept.start - whole.start, kept.stop - whole.start)
            for kept, whole in zip(self.inner, self.outer, strict=True)
        )
        return rows, columns


def tiles(height: int, width: int, pixels: int, stride: int) -> Iterator[Tile]:
    """Tiles of at most about `pixels` that cover the frame; all begin at multiples of the stride."""
    side = max(stride, int(sqrt(pixels)) - 2 * OVERLAP) // stride * stride
    for outer_rows, inner_rows in _cuts(height, side, stride):
        for outer_columns, inner_columns in _cuts(width, side, stride):
            yield Tile((outer_rows, outer_columns), (inner_rows, inner_columns))


def _cuts(size: int, side: int, stride: int) -> Iterator[tuple[slice, slice]]:
    step = ceil(ceil(size / ceil(size / side)) / stride) * stride
    for start in range(0, size, step):
        stop = min(start + step, size)
        yield slice(max(0, start - OVERLAP), min(size, stop + OVERLAP)), slice(start, stop)


def reduced(frame: NDArray[np.uint8], pixels: int) -> NDArray[np.uint8]:
    """The frame (H, W, 3), made smaller by averaging where it has more than `pixels`."""
    height, width = frame.shape[:2]
    factor = min(1.0, sqrt(pixels / (height * width)))
    if factor == 1.0:
        return frame
    size = max(1, int(width * factor)), max(1, int(height * factor))
    return np.asarray(cv2.resize(frame, size, interpolation=cv2.INTER_AREA), np.uint8)
