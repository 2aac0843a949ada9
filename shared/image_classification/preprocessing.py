"""How an image becomes a network's input: torchvision's `Resize`, `CenterCrop`, `ToTensor` and `Normalize`."""

from typing import Annotated, Literal

import msgspec
import numpy as np
from PIL import Image

type Three = tuple[float, float, float]
Side = Annotated[int, msgspec.Meta(ge=1, le=4096)]
FILTERS = {"bilinear": Image.Resampling.BILINEAR, "bicubic": Image.Resampling.BICUBIC}

LONG = 8  # times the shorter side: only of longer images is less than all resized


class Preprocessing(msgspec.Struct, frozen=True, kw_only=True):
    """What a network was trained on. The defaults are those of torchvision's ImageNet classifiers.

    (https://pytorch.org/vision/stable/models.html: a shorter side of 256, a centre crop of 224, values from 0 to 1 less
    the mean by the standard deviation of ImageNet.)
    """

    resize: Side = 256  # of the shorter side, in pixels
    crop: Side = 224  # of the square that is cut out of the middle
    mean: Three = (0.485, 0.456, 0.406)  # of values from 0 to 1, in the order of the channels
    std: Three = (0.229, 0.224, 0.225)
    channels: Literal["RGB", "BGR", "L"] = "RGB"
    layout: Literal["NCHW", "NHWC"] = "NCHW"
    input: Literal["float32", "float16", "uint8"] = "float32"  # uint8 is given the values from 0 to 255
    filter: Literal["bilinear", "bicubic"] = "bilinear"

    @property
    def shape(self) -> tuple[int, int, int]:
        """Of one input: (channels, height, width), or (height, width, channels)."""
        channels = 1 if self.channels == "L" else 3
        return (channels, self.crop, self.crop) if self.layout == "NCHW" else (self.crop, self.crop, channels)

    def prepare(self, image: Image.Image) -> np.ndarray:
        """One input of the network from an RGB image."""
        pixels = np.asarray(self.cut(image).convert("L" if self.channels == "L" else "RGB"))
        pixels = pixels.reshape(self.crop, self.crop, -1).transpose(2, 0, 1)
        if self.channels == "BGR":
            pixels = pixels[::-1]
        values = pixels if self.input == "uint8" else self._normalized(pixels)
        return np.ascontiguousarray(values if self.layout == "NCHW" else values.transpose(1, 2, 0))

    def cut(self, image: Image.Image) -> Image.Image:
        """The part of the image that the network sees, at its size."""
        shorter = min(image.size)
        width, height = (int(self.resize * side / shorter) for side in image.size)
        left, top = self._margin(width), self._margin(height)
        if max(width, height) > LONG * self.resize:
            return self._cut_alone(image, (width, height), (left, top))
        resized = image.resize((width, height), FILTERS[self.filter])
        return resized.crop((left, top, left + self.crop, top + self.crop))

    def _cut_alone(self, image: Image.Image, size: tuple[int, int], corner: tuple[int, int]) -> Image.Image:
        """The same, but for rounding, without resizing what is cut away: a line of pixels would fill the memory."""
        firsts = [max(first, 0) for first in corner]
        ends = [min(first + self.crop, side) for first, side in zip(corner, size, strict=True)]
        wide, high = (own / side for own, side in zip(image.size, size, strict=True))
        box = firsts[0] * wide, firsts[1] * high, ends[0] * wide, ends[1] * high
        part = image.resize((ends[0] - firsts[0], ends[1] - firsts[1]), FILTERS[self.filter], box)
        left, top = (min(first, 0) for first in corner)
        return part.crop((left, top, left + self.crop, top + self.crop))

    def _margin(self, side: int) -> int:
        """Before the cut; negative where the image is smaller, and black is put around it."""
        return round((side - self.crop) / 2) if side > self.crop else -((self.crop - side) // 2)

    def _normalized(self, pixels: np.ndarray) -> np.ndarray:
        """The values of pixels (channels, H, W), looked up: there are only 256 of each channel."""
        levels = np.arange(256, dtype=np.float32) / 255
        values = np.empty(pixels.shape, self.input)
        for channel, (mean, std) in enumerate(zip(self.mean[: len(pixels)], self.std, strict=False)):
            table = ((levels - np.float32(mean)) / np.float32(std)).astype(self.input)
            np.take(table, pixels[channel], out=values[channel], mode="clip")
        return values


PRESETS = {
    "torchvision": Preprocessing(),
    "keras": Preprocessing(resize=224, layout="NHWC", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
    "caffe": Preprocessing(
        resize=224,
        layout="NHWC",
        channels="BGR",
        mean=(103.939 / 255, 116.779 / 255, 123.68 / 255),
        std=(1 / 255, 1 / 255, 1 / 255),
    ),
}
"""What networks were trained on, by where they come from (https://keras.io/api/applications: "tf" and "caffe")."""
