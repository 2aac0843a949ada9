"""Packed models as one safetensors file, read without copying: the arrays are views of the bytes."""

from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from shared.anomaly_detection.one_class_svm import PackedModels, starts
from shared.bundles.arrays import arrays_of
from shared.errors import BundleError

NUMBERS = ("means", "scales", "vectors", "weights", "rho", "gamma", "thresholds")
KINDS = {"names": "U8", "wandering": "U8", "dims": "I64", "counts": "I64", **dict.fromkeys(NUMBERS, "F64")}

type Name = tuple[str, tuple[str, ...]]


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
    """The models back, bit for bit. Raises BundleError where the bytes are not such a file.

    Compiled code reads the arrays unchecked, so whatever the bytes are, no model reaches beyond them.
    """
    try:
        return _unpacked(arrays_of(data, KINDS))
    except (KeyError, ValueError, OverflowError, RecursionError, msgspec.DecodeError) as error:
        raise BundleError(f"This is no file of packed models: {error}.", "Train again.") from error


def _unpacked(arrays: dict[str, NDArray[Any]]) -> PackedModels:
    names = msgspec.json.decode(arrays["names"].data, type=tuple[Name, ...])
    each = ("dims", "counts", "rho", "gamma", "thresholds")
    if any(len(arrays[name]) != len(names) for name in each):
        raise ValueError(f"{len(names)} names, but other numbers of models")
    dims, counts = arrays["dims"], arrays["counts"]
    features, support = _shares(dims, arrays["means"]), _shares(counts, arrays["weights"])
    if len(arrays["scales"]) != len(arrays["means"]):
        raise ValueError("not as many scales as means")
    return PackedModels(
        names=names,
        sensors=_shares(np.array([len(sensors) for _, sensors in names], np.int64), arrays["wandering"]),
        features=features,
        support=support,
        coordinates=_shares(dims * counts, arrays["vectors"]),
        wandering=arrays["wandering"].view(np.bool_),
        **{name: arrays[name] for name in NUMBERS},
    )


def _shares(sizes: NDArray[np.int64], whole: NDArray[Any]) -> NDArray[np.int64]:
    """Where each model's share of an array begins, and the last one's ends; raises ValueError unless they fill it."""
    possible = not len(sizes) or 1 <= sizes.min() <= sizes.max() <= len(whole)  # so that no sum overflows
    if not possible or sizes.sum() != len(whole):
        raise ValueError(f"models whose sizes do not fit an array of {len(whole)}")
    return starts(sizes)
