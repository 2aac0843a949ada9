"""Shows what a network does: styled pictures, the preview of a style, and how far it flickers under small shifts."""

from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from scoring_images.style_training.content import Picture, small
from scoring_images.style_training.network import Transformer

SIDE, QUALITY = 288, 85
SHIFTS = ((0, 1), (1, 0), (0, 2), (2, 0))
EDGE = 16
"""Pixels at the border that are not compared: there, the shifted photograph shows something else."""


def style(network: Transformer, picture: Picture) -> Picture:
    """A picture, (H, W, 3), styled; H and W are cut to multiples of 4."""
    height, width = (size - size % 4 for size in picture.shape[:2])
    device = next(network.parameters()).device
    image = torch.from_numpy(np.ascontiguousarray(picture[:height, :width])).to(device)
    with torch.no_grad():
        styled = network(image.permute(2, 0, 1)[None].float())[0].clamp(0, 255).round()
    return np.asarray(styled.permute(1, 2, 0).byte().cpu().numpy(), np.uint8)


def preview(network: Transformer, painting: Picture, photo: Picture) -> Picture:
    """The painting, a photograph and the photograph styled, side by side."""
    photo = small(photo, SIDE)[:SIDE, : 2 * SIDE]
    high = small(painting, round(SIDE * min(1.0, painting.shape[1] / painting.shape[0])))
    return np.concatenate(
        [padded(high, (SIDE, high.shape[1])), photo, padded(style(network, photo), photo.shape[:2])], 1
    )


def padded(picture: Picture, shape: tuple[int, int]) -> Picture:
    """The picture at this height and width: cut, or its last rows and columns repeated."""
    picture = picture[: shape[0], : shape[1]]
    rows, columns = (wanted - size for wanted, size in zip(shape, picture.shape[:2], strict=True))
    return np.pad(picture, ((0, rows), (0, columns), (0, 0)), mode="edge")


def write_jpeg(path: Path, picture: Picture) -> None:
    """Write a picture as JPEG."""
    cv2.imwrite(str(path), np.ascontiguousarray(picture[:, :, ::-1]), [cv2.IMWRITE_JPEG_QUALITY, QUALITY])


def shift_error(network: Transformer, photo: Picture) -> float:
    """By how many grey levels shifts of 1 and 2 pixels change the re-aligned output, on average over SHIFTS."""
    height, width = (size - 2 - (size - 2) % 4 for size in photo.shape[:2])
    still = style(network, photo[:height, :width])
    errors = []
    for rows, columns in SHIFTS:
        moved = style(network, photo[rows : rows + height, columns : columns + width])
        errors.append(_gap(still[rows:, columns:], moved[: height - rows, : width - columns]))
    return float(np.mean(errors))


def _gap(one: Picture, other: Picture) -> float:
    gap: NDArray[np.float32] = np.abs(one.astype(np.float32) - other)
    return float(gap[EDGE:-EDGE, EDGE:-EDGE].mean())
