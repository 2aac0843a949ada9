"""Small motions, as between the frames of a video: what the input does, the output should do too."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from scoring_images.style_training.export import SCALE
from scoring_images.style_training.losses import disagreement
from scoring_images.style_training.parameters import MARGIN

EDGE = 12
"""Pixels of the output's border that are not compared: what the network sees there differs."""


@dataclass(frozen=True)
class Motion:
    """A shift in pixels (rows, columns), a rotation in radians, a zoom; then noise of this standard deviation.

    With a `quality`, the moved image is also stored as JPEG and read again: most of what differs between two frames of
    a scene that stands still comes from compression.
    """

    shift: tuple[float, float] = (0.0, 0.0)
    angle: float = 0.0
    zoom: float = 1.0
    noise: float = 0.0
    quality: int = 0

    @property
    def whole(self) -> bool:
        """Whether it moves by whole pixels, so that nothing needs to be interpolated."""
        return not self.angle and self.zoom == 1 and all(float(step).is_integer() for step in self.shift)


def random_motion(rng: np.random.Generator) -> Motion:
    """Two times in three a shift of up to 3 whole pixels, else a slight warp; with noise, or as if compressed."""
    noise, quality = (float(rng.uniform(0, 4)), 0) if rng.random() < 0.5 else (0.0, int(rng.integers(60, 96)))
    if rng.random() < 2 / 3:
        rows, columns = rng.integers(-3, 4, 2)
        return Motion((float(rows), float(columns)), noise=noise, quality=quality)
    rows, columns = rng.uniform(-2, 2, 2)
    angle, zoom = float(rng.uniform(-0.02, 0.02)), float(rng.uniform(0.98, 1.02))
    return Motion((float(rows), float(columns)), angle, zoom, noise, quality)


def moved(image: Tensor, motion: Motion) -> Tensor:
    """The square image (N, C, S, S), moved; without the noise."""
    if motion.whole:
        rows, columns = (int(step) for step in motion.shift)
        return torch.roll(image, (-rows, -columns), (2, 3))
    size = image.shape[-1]
    cos, sin = math.cos(motion.angle) * motion.zoom, math.sin(motion.angle) * motion.zoom
    rows, columns = (2 * step / size for step in motion.shift)
    matrix = image.new_tensor([[cos, -sin, columns], [sin, cos, rows]]).expand(len(image), 2, 3)
    grid = functional.affine_grid(matrix, list(image.shape), align_corners=False)
    return functional.grid_sample(image, grid, align_corners=False)


def instability(
    network: Callable[[Tensor], Tensor], wide: Tensor, styled: Tensor, step: Motion, noise: Tensor
) -> Tensor:
    """How far the output for a moved, noisy copy is from the output moved likewise; 0 for a network that holds still.

    `wide` (N, 3, S + 2 MARGIN, S + 2 MARGIN) is the input of `styled` (N, 3, S, S) with MARGIN pixels around it;
    `noise`, of the size of `styled`, has standard deviation 1.
    """
    copy = inner(moved(wide, step), MARGIN)
    copy = (compressed(copy, step.quality) if step.quality else copy) + step.noise * noise
    return disagreement(inner(moved(styled, step), EDGE), inner(network(copy), EDGE), SCALE)


def compressed(images: Tensor, quality: int) -> Tensor:
    """Images (N, 3, H, W) as they come back from JPEG."""
    pictures = images.clamp(0, 255).byte().permute(0, 2, 3, 1).cpu().numpy()
    stored = [cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1] for picture in pictures]
    read = np.stack([np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR)) for data in stored])
    return torch.from_numpy(read).to(images.device).permute(0, 3, 1, 2).float()


def inner(image: Tensor, border: int) -> Tensor:
    """The image without its border."""
    return image[:, :, border:-border, border:-border]
