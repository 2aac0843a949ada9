"""A part of a training's result as bytes, so that an interrupted training keeps it."""

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

import msgspec

from shared.anomaly_detection import archive
from shared.anomaly_detection.fitting import Problem
from shared.anomaly_detection.one_class_svm import SeriesModel, pack
from shared.errors import BundleError


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


class _Head(msgspec.Struct, frozen=True):
    sha256: str  # of the models that follow the line
    problems: tuple[Problem, ...]


def to_bytes(chunk: Chunk) -> bytes:
    """A line of JSON, then the packed models; the same chunk gives the same bytes."""
    models = archive.to_bytes(pack(chunk.models))
    head = _Head(sha256(models).hexdigest(), chunk.problems)
    return msgspec.json.encode(head) + b"\n" + models


def from_bytes(data: bytes) -> Chunk:
    """The chunk back, bit for bit; raises BundleError where the bytes are none, or damaged."""
    line, _, models = data.partition(b"\n")
    try:
        head = msgspec.json.decode(line, type=_Head)
    except msgspec.DecodeError as error:
        raise BundleError(f"This is no chunk of a training: {error}.") from error
    if sha256(models).hexdigest() != head.sha256:
        raise BundleError("This is no chunk of a training: its models were changed.")
    packed = archive.from_bytes(models)
    return Chunk(tuple(packed[number] for number in range(len(packed))), head.problems)
