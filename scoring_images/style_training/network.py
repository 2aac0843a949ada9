"""The transformer network (Johnson et al. 2016) at any width, its sampling treated so that it does not flicker."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from scoring_images.style_training.export import MIDDLE, SCALE


class Block(nn.Module):  # type: ignore[misc]
    """A residual block of two 3x3 convolutions."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(channels, channels, 3), nn.Conv2d(channels, channels, 3)
        self.first_norm = nn.InstanceNorm2d(channels, affine=True)
        self.second_norm = nn.InstanceNorm2d(channels, affine=True)

    def forward(self, x: Tensor) -> Tensor:
        inner = functional.relu(self.first_norm(self.first(reflect(x, 1))))
        return x + self.second_norm(self.second(reflect(inner, 1)))


class Transformer(nn.Module):  # type: ignore[misc]
    """Images (N, 3, H, W), RGB 0..255, sizes multiples of 4, to styled ones of the same kind.

    `smooth` low-passes before it halves (Zhang 2019, Making Convolutional Networks Shift-Invariant Again) and doubles
    with bilinear interpolation: without it, moving the image by a pixel changes what the stride of 4 sees.
    """

    def __init__(self, width: int = 16, blocks: int = 3, *, smooth: bool = True) -> None:
        super().__init__()
        w, self.smooth = width, smooth
        self.into, self.into_norm = nn.Conv2d(3, w, 9), nn.InstanceNorm2d(w, affine=True)
        self.down1, self.down1_norm = nn.Conv2d(w, 2 * w, 3, 2), nn.InstanceNorm2d(2 * w, affine=True)
        self.down2, self.down2_norm = nn.Conv2d(2 * w, 4 * w, 3, 2), nn.InstanceNorm2d(4 * w, affine=True)
        self.blocks = nn.Sequential(*(Block(4 * w) for _ in range(blocks)))
        self.up1, self.up1_norm = nn.Conv2d(4 * w, 2 * w, 3), nn.InstanceNorm2d(2 * w, affine=True)
        self.up2, self.up2_norm = nn.Conv2d(2 * w, w, 3), nn.InstanceNorm2d(w, affine=True)
        self.out = nn.Conv2d(w, 3, 9)
        if smooth:
            line = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8
            self.register_buffer("blur", line[:, None] * line[None])

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.into_norm(self.into(reflect((x - MIDDLE) / SCALE, 4))))
        x = functional.relu(self.down1_norm(self.down1(reflect(self._low(x), 1))))
        x = functional.relu(self.down2_norm(self.down2(reflect(self._low(x), 1))))
        x = self.blocks(x)
        x = functional.relu(self.up1_norm(self.up1(reflect(self._double(x), 1))))
        x = functional.relu(self.up2_norm(self.up2(reflect(self._double(x), 1))))
        return self._colours(reflect(x, 4)) * SCALE + MIDDLE

    def _colours(self, x: Tensor) -> Tensor:
        """The last convolution, over blocks of 2 x 2 pixels: the same, and its gradient ten times as fast on a CPU."""
        bias = self.out.bias
        assert bias is not None
        return functional.pixel_shuffle(
            functional.conv2d(x, over_blocks(self.out.weight), bias.repeat_interleave(4), stride=2), 2
        )

    def _low(self, x: Tensor) -> Tensor:
        if not self.smooth:
            return x
        kernel = self.blur.expand(x.shape[1], 1, 4, 4)
        return functional.conv2d(functional.pad(x, (1, 2, 1, 2), mode="reflect"), kernel, groups=x.shape[1])

    def _double(self, x: Tensor) -> Tensor:
        if self.smooth:
            return functional.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
        return functional.interpolate(x, scale_factor=2, mode="nearest")


def over_blocks(kernel: Tensor) -> Tensor:
    """As `export.over_blocks`, with a gradient."""
    places = [(row, column) for row in (0, 1) for column in (0, 1)]
    return torch.stack([functional.pad(kernel, (x, 1 - x, y, 1 - y)) for y, x in places], 1).flatten(0, 1)


def reflect(x: Tensor, padding: int) -> Tensor:
    """The image with its borders mirrored outwards."""
    return functional.pad(x, (padding,) * 4, mode="reflect")
