"""What a style network is trained for: the content of the image, the look of the painting, and the same under shifts."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

EDGE = 12
"""Pixels at the border that do not count: there, a shifted crop shows something else."""


@dataclass(frozen=True)
class Painting:
    """The painting as the features see it: Gram matrices at each tap (Gatys et al. 2015), and their mean squares."""

    grams: list[Tensor]
    sizes: list[Tensor]

    @classmethod
    def of(cls, features: list[Tensor]) -> "Painting":
        grams = [gram(values) for values in features]
        return cls(grams, [values.pow(2).mean() for values in grams])

    def distance(self, features: list[Tensor]) -> Tensor:
        """Sum over the taps of how far the Gram matrices are, as a share of the painting's: every tap weighs alike."""
        terms = zip(features, self.grams, self.sizes, strict=True)
        return torch.stack([(gram(values) - wanted).pow(2).mean() / size for values, wanted, size in terms]).sum()


def gram(values: Tensor) -> Tensor:
    """Channel by channel products of (N, C, H, W), averaged: (N, C, C), divided by C."""
    count, channels, height, width = values.shape
    flat = values.reshape(count, channels, height * width)
    return flat @ flat.transpose(1, 2) / (channels * height * width)


def content_distance(features: list[Tensor], wanted: list[Tensor]) -> Tensor:
    """How far the deepest tap is from the image's, as a share of it, and the middle one, which keeps light and dark."""
    middle = len(wanted) // 2
    return _share(features[-1], wanted[-1]) + 0.6 * _share(features[middle], wanted[middle])


def _share(values: Tensor, wanted: Tensor) -> Tensor:
    return F.mse_loss(values, wanted) / wanted.pow(2).mean()


def instability(still: Tensor, moved: Tensor, rows: int, columns: int, scale: float) -> Tensor:
    """Mean square, in units of `scale` grey levels, of what a shift of the input by (rows, columns) changes.

    `moved` is the output for the shifted input, of the size of `still`; they are compared where they overlap.
    """
    height, width = still.shape[2:]
    there = still[:, :, EDGE + rows : height - EDGE + rows, EDGE + columns : width - EDGE + columns]
    return ((there - moved[:, :, EDGE : height - EDGE, EDGE : width - EDGE]) / scale).pow(2).mean()


def roughness(images: Tensor, scale: float) -> Tensor:
    """Total variation: the mean difference of neighbours, in units of `scale` grey levels."""
    down = (images[:, :, 1:] - images[:, :, :-1]).abs().mean()
    across = (images[:, :, :, 1:] - images[:, :, :, :-1]).abs().mean()
    return (down + across) / scale


def overshoot(images: Tensor, scale: float) -> Tensor:
    """How far values leave 0..255, on average, in units of `scale` grey levels."""
    return (F.relu(-images) + F.relu(images - 255)).mean() / scale
