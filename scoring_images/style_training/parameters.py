"""What a training is determined by, besides its images; read without PyTorch, to say what there is to choose."""

from dataclasses import dataclass, field
from typing import Any

MARGIN = 6
"""Pixels around a crop that motions draw on."""


def _parameter(default: Any, text: str, least: float = 0, most: float = float("inf")) -> Any:
    return field(default=default, metadata={"help": text, "least": least, "most": most})


@dataclass(frozen=True)
class Parameters:
    """The parameters, each with a sentence on what it does."""

    width: int = _parameter(16, "Channels of the first layer: twice as many take about three times as long.", 4, 128)
    blocks: int = _parameter(3, "Residual blocks: more of them draw larger shapes.", 1, 16)
    smooth: bool = _parameter(True, "Blur before halving and interpolate when doubling, so that less flickers.")
    steps: int = _parameter(2000, "Steps of training, at most.", 1)
    batch: int = _parameter(2, "Photographs per step.", 1)
    crop: int = _parameter(128, "Side of the squares cut out of photographs, in pixels; a multiple of 4.", 64)
    style_side: int = _parameter(256, "Short side of the painting, in pixels: a larger one gives larger strokes.", 64)
    content_side: int = _parameter(320, "Short side of the photographs, in pixels.", 64)
    style_weight: float = _parameter(3.0, "How much the painting counts; below 1 it is only a tint.")
    stability_weight: float = _parameter(10.0, "How much it counts that moved images come out moved, not changed.")
    variation_weight: float = _parameter(0.01, "How much smoothness counts.")
    rate: float = _parameter(1e-3, "Adam's learning rate, before it falls.", 1e-9, 1)
    seed: int = _parameter(1, "The same seed gives the same network on the same machine.")
