"""Arrays of one dimension in a safetensors file, read without copying and without the library that writes them."""

from collections.abc import Mapping
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

_TYPES = {"U8": "u1", "I32": "i4", "I64": "i8", "F32": "f4", "F64": "f8"}


class _Array(msgspec.Struct, frozen=True):
    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def arrays_of(data: bytes, kinds: Mapping[str, str]) -> dict[str, NDArray[Any]]:
    """The arrays of these names and types. Raises KeyError, ValueError or a DecodeError where they are not there."""
    start = 8 + int.from_bytes(data[:8], "little")
    header = msgspec.json.decode(memoryview(data)[8:start], type=dict[str, _Array])
    return {name: _array(data, start, header[name], kind) for name, kind in kinds.items()}


def _array(data: bytes, start: int, array: _Array, kind: str) -> NDArray[Any]:
    (first, last), dtype = array.data_offsets, np.dtype(_TYPES[kind])
    fits = len(array.shape) == 1 and last - first == array.shape[0] * dtype.itemsize and 0 <= first <= last
    if array.dtype != kind or not fits:
        raise ValueError(f"an array {array.dtype} of shape {array.shape} in {last - first} bytes")
    return np.frombuffer(data, dtype, count=array.shape[0], offset=start + first)
