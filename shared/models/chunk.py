"""A part of a training's result as bytes, so that an interrupted training keeps it: arrays and JSON, no pickle."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from shared.errors import BundleError
from shared.models.fitting import Problem
from shared.models.one_class_svm import SeriesModel

ARRAYS = ("wandering", "mean", "scale", "vectors", "weights")
NUMBERS = ("rho", "gamma", "threshold")


@dataclass(frozen=True, slots=True)
class Chunk:
    """The models of some series, in their order, and the problems of the others."""

    models: tuple[SeriesModel, ...]
    problems: tuple[Problem, ...]

    @classmethod
    def joined(cls, chunks: Iterable["Chunk"]) -> "Chunk":
        """All of them as one, in the order given."""
        parts = list(chunks)
        return cls(
            tuple(model for part in parts for model in part.models),
            tuple(problem for part in parts for problem in part.problems),
        )


def to_bytes(chunk: Chunk) -> bytes:
    """The chunk as a safetensors file; the same chunk gives the same bytes."""
    about = {
        "models": [_named(model) for model in chunk.models],
        "problems": [asdict(problem) for problem in chunk.problems],
    }
    arrays = {"about": np.frombuffer(json.dumps(about).encode(), np.uint8)}
    for number, model in enumerate(chunk.models):
        arrays |= {f"{number}.{name}": np.ascontiguousarray(getattr(model, name)) for name in ARRAYS}
    return save(arrays)


def _named(model: SeriesModel) -> dict[str, Any]:
    return {name: getattr(model, name) for name in ("device", "sensors", *NUMBERS)}


def from_bytes(data: bytes) -> Chunk:
    """The chunk back, bit for bit; raises BundleError where the bytes are none."""
    try:
        arrays = load(data)
        about = json.loads(arrays["about"].tobytes())
        models = [_model(number, facts, arrays) for number, facts in enumerate(about["models"])]
        problems = [Problem(p["device"], tuple(p["sensors"]), p["reason"]) for p in about["problems"]]
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise BundleError(f"This is no chunk of a training: {error}.") from error
    return Chunk(tuple(models), tuple(problems))


def _model(number: int, facts: dict[str, Any], arrays: dict[str, Any]) -> SeriesModel:
    parts: dict[str, Any] = {name: arrays[f"{number}.{name}"] for name in ARRAYS}
    parts |= {name: float(facts[name]) for name in NUMBERS}
    return SeriesModel(device=facts["device"], sensors=tuple(facts["sensors"]), **parts)
