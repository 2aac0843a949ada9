"""How much a style flickers: between frames of a video, and under the smallest shifts of a photograph."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from scoring_images.style_transfer.color import Picture
from scoring_images.style_transfer.motion import Motion, motion

SHIFTS = ((0, 1), (1, 0), (0, 2), (2, 0))
EDGE = 16
"""Pixels at the border that do not count: there, the shifted photograph shows something else."""


def warped_error(moved: Motion, styled_before: Picture, styled: Picture) -> float:
    """Mean difference, in grey levels, of a styled frame from the one before carried along the video's motion.

    Only pixels that were to be seen before count (Lai et al. 2018, Learning Blind Video Temporal Consistency).
    Not a number where there are none, as at a cut.
    """
    whole = pixels = 0.0
    for band, carried in moved.carried(styled_before):
        seen = moved.seen[band] > 0.5
        whole += np.abs(carried - styled[band]).mean(2)[seen].sum(dtype=np.float64)
        pixels += seen.sum()
    return float(whole / pixels) if pixels else float("nan")


def frames_error(before: Picture, frame: Picture, styled_before: Picture, styled: Picture) -> float:
    """`warped_error` between two frames of a video."""
    return warped_error(motion(before, frame), styled_before, styled)


def shift_errors(
    style: Callable[[NDArray[np.uint8]], NDArray[np.uint8]], photo: Picture
) -> dict[tuple[int, int], float]:
    """Mean difference, in grey levels, of a styled photograph from its re-aligned shift, by (rows, columns)."""
    height, width = (size - 2 for size in photo.shape[:2])
    height, width = height - height % 4, width - width % 4
    still = style(photo[None, :height, :width])[0].astype(np.float32)
    errors = {}
    for rows, columns in SHIFTS:
        moved = style(np.ascontiguousarray(photo[None, rows : rows + height, columns : columns + width]))[0]
        overlap = still[rows:, columns:] - moved[: height - rows, : width - columns]
        errors[rows, columns] = float(np.abs(overlap[EDGE:-EDGE, EDGE:-EDGE]).mean())
    return errors
