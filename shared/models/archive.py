"""Packed models as one safetensors file, read without copying: the arrays are views of the bytes."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.errors import BundleError
from shared.models.one_class_svm import PackedModels, starts

NUMBERS = ("means", "scales", "vectors", "weights", "rho", "gamma", "thresholds")
KINDS: dict[str, np.dtype[Any]] = {"F64": np.dtype("f8"), "I64": np.dtype("i8"), "U8": np.dtype("u1")}

type Name = tuple[str, tuple[str, ...]]


class _Array(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def to_bytes(models: PackedModels) -> bytes:
    """The models as a file; the same models give the same bytes."""
    from safetensors.numpy import save

    return save(
        {
            "names": np.frombuffer(msgspec.json.encode(models.names), np.uint8),
            "wandering": models.wandering.astype(np.uint8),
            "dims": models.dims,
            "counts": np.diff(models.support),
            **{name: np.ascontiguousarray(getattr(models, name)) for name in NUMBERS},
        }
    )


def from_bytes(data: bytes) -> PackedModels:
    """The models back, bit for bit. Raises BundleError where the bytes are not such a file."""
    try:
        arrays = _views(data)
        return _unpacked(arrays)
    except (KeyError, ValueError, msgspec.DecodeError) as error:
        raise BundleError(f"This is no file of packed models: {error}.", "Train again.") from error


def _views(data: bytes) -> dict[str, NDArray[Any]]:
    start = 8 + int.from_bytes(data[:8], "little")
    header = msgspec.json.decode(memoryview(data)[8:start], type=dict[str, _Array])
    return {name: _view(data, start, array) for name, array in header.items()}


def _view(data: bytes, start: int, array: _Array) -> NDArray[Any]:
    kind = KINDS[array.dtype]
    first, last = array.data_offsets
    if len(array.shape) != 1 or last - first != array.shape[0] * kind.itemsize or first < 0:
        raise ValueError(f"an array of shape {array.shape} in {last - first} bytes")
    return np.frombuffer(data, kind, count=array.shape[0], offset=start + first)


def _unpacked(arrays: dict[str, NDArray[Any]]) -> PackedModels:
    names = msgspec.json.decode(arrays["names"].data, type=tuple[Name, ...])
    dims, counts = arrays["dims"], arrays["counts"]
    models = PackedModels(
        names=names,
        sensors=starts(np.fromiter((len(sensors) for _, sensors in names), np.int64, len(names))),
        features=starts(dims),
        support=starts(counts),
        coordinates=starts(dims * counts),
        wandering=arrays["wandering"].view(np.bool_),
        **{name: arrays[name] for name in NUMBERS},
    )
    _check(models, dims, counts)
    return models


def _check(models: PackedModels, dims: NDArray[np.int64], counts: NDArray[np.int64]) -> None:
    """Whether the arrays fit each other: compiled code reads them unchecked."""
    each = (models.rho, models.gamma, models.thresholds, dims, counts)
    whole = {
        "wandering": (models.wandering, models.sensors),
        "means": (models.means, models.features),
        "scales": (models.scales, models.features),
        "vectors": (models.vectors, models.coordinates),
        "weights": (models.weights, models.support),
    }
    if any(len(array) != len(models) for array in each) or (len(models) and min(dims.min(), counts.min()) < 1):
        raise ValueError(f"{len(models)} names, but other numbers of models")
    for name, (array, bounds) in whole.items():
        if len(array) != bounds[-1]:
            raise ValueError(f"{len(array)} {name} where {bounds[-1]} belong")
