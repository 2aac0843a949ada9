"""What a training is determined by, besides its images; read without PyTorch, to say what there is to choose."""

from dataclasses import dataclass, field
from typing import Any


def _parameter(default: Any, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True)
class Parameters:
    """The parameters, each with a sentence on what it does."""

    width: int = _parameter(16, "Channels of the first layer: twice as many take about three times as long.")
    blocks: int = _parameter(3, "Residual blocks: more of them draw larger shapes.")
    smooth: bool = _parameter(True, "Blur before halving and interpolate when doubling, so that less flickers.")
    steps: int = _parameter(2000, "Steps of training, at most.")
    batch: int = _parameter(2, "Photographs per step.")
    crop: int = _parameter(128, "Side of the squares cut out of photographs, in pixels; a multiple of 4.")
    style_side: int = _parameter(256, "Short side of the painting, in pixels: a larger one gives larger strokes.")
    content_side: int = _parameter(320, "Short side of the photographs, in pixels.")
    style_weight: float = _parameter(3.0, "How much the painting counts; below 1 it is only a tint.")
    stability_weight: float = _parameter(10.0, "How much it counts that moved images come out moved, not changed.")
    variation_weight: float = _parameter(0.01, "How much smoothness counts.")
    rate: float = _parameter(1e-3, "Adam's learning rate, before it falls.")
    seed: int = _parameter(1, "The same seed gives the same network on the same machine.")
