"""What a style network is trained for: the image's content, the painting's look, and steadiness under motion."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional


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


def content_distance(features: list[Tensor], wanted: list[Tensor], sizes: list[float]) -> Tensor:
    """How far the tap before the deepest is from the image's, and the middle one, which keeps light and dark.

    In shares of `sizes`, the mean squares at the taps of usual images: relative to their own, flat images would weigh
    more than all others. At the deepest, faces are already lost.
    """
    middle, deep = len(wanted) // 2, max(0, len(wanted) - 2)
    likeness = functional.mse_loss(features[deep], wanted[deep]) / sizes[deep]
    return likeness + 0.6 * functional.mse_loss(features[middle], wanted[middle]) / sizes[middle]


def disagreement(one: Tensor, other: Tensor, scale: float) -> Tensor:
    """Mean square, in units of `scale` grey levels, of how two images differ that should be the same."""
    return ((one - other) / scale).pow(2).mean()


def roughness(images: Tensor, scale: float) -> Tensor:
    """Total variation: the mean difference of neighbours, in units of `scale` grey levels."""
    down = (images[:, :, 1:] - images[:, :, :-1]).abs().mean()
    across = (images[:, :, :, 1:] - images[:, :, :, :-1]).abs().mean()
    return (down + across) / scale


def overshoot(images: Tensor, scale: float) -> Tensor:
    """How far values leave 0..255, on average, in units of `scale` grey levels."""
    return (functional.relu(-images) + functional.relu(images - 255)).mean() / scale
