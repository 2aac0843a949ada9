"""Where each pixel of a frame was in the frame before, and whether it was to be seen there."""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from scoring_images.style_transfer.color import Picture

LOOK = 384
"""Motion is estimated in frames of at most this width: finer motion is less than what the estimate errs by."""
BAND = 256
"""Rows that are worked on at once: numbers for every pixel of a large frame would take hundreds of megabytes."""


@dataclass(frozen=True, slots=True)
class Motion:
    """For every pixel of a frame: its column and row in the frame before, and how far to believe that, 0 to 1."""

    columns: NDArray[np.float32]
    rows: NDArray[np.float32]
    seen: NDArray[np.float32]

    def carried(self, before: Picture) -> Iterator[tuple[slice, NDArray[np.float32]]]:
        """A picture of the frame before, (H, W, 3), where its pixels are now: band of rows by band.

        Cubic: what is carried from frame to frame with linear interpolation is soon a blur.
        """
        for first in range(0, len(self.rows), BAND):
            band = slice(first, first + BAND)
            columns, rows = self.columns[band], self.rows[band]
            moved = cv2.remap(before, columns, rows, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
            yield band, np.asarray(moved, np.float32)


def motion(before: Picture, now: Picture) -> Motion:
    """The motion between two frames of a video, (H, W, 3), by dense inverse search (Kroeger et al. 2016).

    A pixel counts as seen before where going there and back again leads near to it (Sundaram et al. 2010) and where it
    looked the same.
    """
    old, new = _small(before), _small(now)
    back, forth = _flow(new, old), _flow(old, new)
    trust = _consistent(back, forth) * _alike(old, new, back)
    height, width = now.shape[:2]
    columns, rows, seen = (
        np.asarray(cv2.resize(values, (width, height)), np.float32)
        for values in (back[..., 0] * (width / new.shape[1]), back[..., 1] * (height / new.shape[0]), trust)
    )
    columns += np.arange(width, dtype=np.float32)
    rows += np.arange(height, dtype=np.float32)[:, None]
    return Motion(columns, rows, seen)


def _small(frame: Picture) -> NDArray[np.uint8]:
    gray = cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY)
    scale = min(1.0, LOOK / gray.shape[1])
    size = max(16, round(gray.shape[1] * scale)), max(16, round(gray.shape[0] * scale))
    return np.asarray(cv2.resize(gray, size, interpolation=cv2.INTER_AREA), np.uint8)


def _flow(origin: NDArray[np.uint8], target: NDArray[np.uint8]) -> NDArray[np.float32]:
    search = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_FAST)
    return np.asarray(search.calc(origin, target, None), np.float32)  # type: ignore[call-overload]


def _consistent(back: NDArray[np.float32], forth: NDArray[np.float32]) -> NDArray[np.float32]:
    there = _at(forth, back)
    gap = ((back + there) ** 2).sum(2)
    return (gap < 0.01 * ((back**2).sum(2) + (there**2).sum(2)) + 0.5).astype(np.float32)


def _alike(old: NDArray[np.uint8], new: NDArray[np.uint8], back: NDArray[np.float32]) -> NDArray[np.float32]:
    return (np.abs(_at(old.astype(np.float32), back) - new) < 20).astype(np.float32)


def _at(values: NDArray[np.float32], flow: NDArray[np.float32]) -> NDArray[np.float32]:
    columns, rows = _grid(*flow.shape[:2])
    moved = cv2.remap(values, columns + flow[..., 0], rows + flow[..., 1], cv2.INTER_LINEAR)
    return np.asarray(moved, np.float32)


def _grid(height: int, width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    return columns, rows
