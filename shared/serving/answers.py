"""What every answer of a served model has in common."""

from time import perf_counter
from typing import Annotated

import msgspec

BEST = 3
"""How many to answer with unless told."""
TopK = Annotated[int, msgspec.Meta(ge=1, le=100, description="How many to answer with, best first.")]
Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]


class TopParameters(msgspec.Struct, frozen=True):
    """What may be said beside questions or images."""

    top_k: TopK = BEST


class ModelName(msgspec.Struct, frozen=True):
    """Which model answered."""

    name: str
    version: str


def milliseconds_since(begun: float) -> float:
    """Milliseconds since a `perf_counter()`."""
    return round((perf_counter() - begun) * 1000, 3)
