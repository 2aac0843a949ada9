"""Tensor data after the JSON: Triton's "Binary Tensor Data Extension".

Little-endian, row-major, without padding; each element of BYTES follows its length in 4 bytes.
"""

import struct

import numpy as np

from shared.errors import InvalidInput
from shared.serving.datatypes import Array, Datatype, Values, count

_LENGTH = struct.Struct("<I")
_HINT = "Send as many elements as the shape says."
_TEXTS = "Send each element after its length in 4 bytes, the lowest first."


def decode(data: memoryview, datatype: Datatype, shape: tuple[int, ...]) -> Values:
    """The elements; arrays share the memory of `data`.

    Raises InvalidInput where the size is not the one of this shape, for BOOL other than 0 and 1, and for NaN and
    infinity, which no model here can use.
    """
    if datatype == Datatype.BYTES:
        return _split(data, count(shape))
    wanted = count(shape) * datatype.dtype.itemsize
    if len(data) != wanted:
        raise InvalidInput(
            f"The shape {list(shape)} of {datatype} takes {wanted} bytes, the data are {len(data)}.", _HINT
        )
    if datatype == Datatype.BOOL and data.nbytes and np.frombuffer(data, np.uint8).max() > 1:
        raise InvalidInput("The data hold a byte that is no BOOL.", "False is 0, true is 1.")
    array: Array = np.frombuffer(data, datatype.dtype)
    if datatype.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidInput("The data hold NaN or infinity.", "Send finite numbers.")
    return array.reshape(shape)


def encode(values: Values) -> bytes:
    """The elements as they follow the JSON."""
    if isinstance(values, list):
        return b"".join(part for value in values for part in (_LENGTH.pack(len(value)), value))
    return values.astype(values.dtype.newbyteorder("<"), copy=False).tobytes()


def _split(data: memoryview, elements: int) -> list[bytes]:
    if elements * _LENGTH.size > len(data):
        raise InvalidInput(
            f"{elements} elements take {elements * _LENGTH.size} bytes or more, the data are {len(data)}.",
            _HINT,
        )
    values: list[bytes] = []
    at = 0
    for _ in range(elements):
        end = at + _LENGTH.size
        if end > len(data):
            raise InvalidInput(f"The data end within the length of element {len(values)}.", _TEXTS)
        at = end + _LENGTH.unpack_from(data, at)[0]
        if at > len(data):
            raise InvalidInput(f"Element {len(values)} claims {at - end} bytes, {len(data) - end} are there.", _TEXTS)
        values.append(bytes(data[end:at]))
    if at != len(data):
        raise InvalidInput(f"The data hold {len(data) - at} bytes after the last of {elements} elements.", _HINT)
    return values
