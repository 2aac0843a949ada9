"""The data types of tensors, and how many elements a shape has."""

from enum import StrEnum
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from shared.errors import InvalidInput

type Array = NDArray[Any]
type Values = Array | list[bytes]
"""The elements of a tensor: an array of its shape, or for BYTES a flat list, row-major."""


class Datatype(StrEnum):
    """The protocol's "Tensor Data Types"."""

    BOOL = "BOOL"
    UINT8 = "UINT8"
    UINT16 = "UINT16"
    UINT32 = "UINT32"
    UINT64 = "UINT64"
    INT8 = "INT8"
    INT16 = "INT16"
    INT32 = "INT32"
    INT64 = "INT64"
    FP16 = "FP16"
    FP32 = "FP32"
    FP64 = "FP64"
    BYTES = "BYTES"

    @property
    def dtype(self) -> "np.dtype[Any]":
        """How its elements lie in binary data, little-endian; not for BYTES, whose sizes vary."""
        return _DTYPES[self]


_DTYPES: dict[str, np.dtype[Any]] = {
    Datatype.BOOL: np.dtype("?"),
    Datatype.UINT8: np.dtype("u1"),
    Datatype.UINT16: np.dtype("<u2"),
    Datatype.UINT32: np.dtype("<u4"),
    Datatype.UINT64: np.dtype("<u8"),
    Datatype.INT8: np.dtype("i1"),
    Datatype.INT16: np.dtype("<i2"),
    Datatype.INT32: np.dtype("<i4"),
    Datatype.INT64: np.dtype("<i8"),
    Datatype.FP16: np.dtype("<f2"),
    Datatype.FP32: np.dtype("<f4"),
    Datatype.FP64: np.dtype("<f8"),
}


def datatype(name: str) -> Datatype:
    """The data type called so. Raises InvalidInput for others."""
    if name == "BF16":
        raise InvalidInput("The datatype BF16 is not taken: no model here computes in it.", "Send FP32.")
    try:
        return Datatype(name)
    except ValueError as error:
        raise InvalidInput(f"There is no datatype {shown(name)}.", f"Use one of {', '.join(Datatype)}.") from error


def of_array(dtype: "np.dtype[Any]") -> Datatype:
    """The data type of an array's elements. Raises InvalidInput where the protocol has none."""
    for name, own in _DTYPES.items():
        if own == dtype:
            return Datatype(name)
    raise InvalidInput(f"The protocol has no datatype for {dtype}.")


def count(shape: tuple[int, ...]) -> int:
    """How many elements a tensor of this shape has; never overflows."""
    return prod(shape)


def shown(name: str) -> str:
    """A name that somebody sent, as a message may repeat it."""
    return repr(name if len(name) <= 40 else f"{name[:40]}...")
