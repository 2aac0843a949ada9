"""Tensor data in JSON: nested as its shape says, or flat ("Tensor Data" of the protocol).

A shape is only ever compared with what is there: the elements are counted in the text before any is made.
"""

import re
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import chain
from typing import Any

import msgspec
import numpy as np

from functions.web import base64_text, json_body
from shared.errors import InvalidInput
from shared.serving.datatypes import Array, Datatype, Values, count

BASE64 = "base64"
_ARRAY = re.compile(rb"\s*\[\s*([\[\]])?")  # and what it begins with
_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
_OTHER = re.compile(rb"[^][,\s]")
_HINT = "Send as many elements as the shape says, in a list, flat or nested as it says."
_NO_STRUCTURE = bytes(set(range(256)) - set(b'[]{},"'))


def decode(raw: memoryview, datatype: Datatype, shape: tuple[int, ...], content_type: str = "") -> Values:
    """The elements of valid JSON.

    content_type: how MLServer says that BYTES are in base64; strings mean their UTF-8 bytes otherwise.
    Raises InvalidInput where they are not as many as the shape says, or of another type.
    """
    text = bytes(raw)
    depth = _depth(text, datatype, shape)
    nested = _nested(text, datatype, depth)
    flat = list(_flat(nested, depth))
    _check_count(len(flat), shape)  # again: a row of one element and an empty row have the same brackets
    return _bytes(flat, content_type) if datatype == Datatype.BYTES else _array(flat, datatype).reshape(shape)


def encode(values: Values) -> list[Any]:
    """The elements, flat, for JSON. BYTES must be UTF-8."""
    return [value.decode() for value in values] if isinstance(values, list) else values.ravel().tolist()


def _depth(text: bytes, datatype: Datatype, shape: tuple[int, ...]) -> int:
    """How deep data that fit the shape are nested: once where they are flat, else as deep as it says."""
    array = _ARRAY.match(text)
    if array is None:
        raise InvalidInput("The data are no array.", _HINT)
    held = 0 if array[1] == b"]" else _count(text, datatype)
    if held == 0 and _OTHER.search(text):
        raise InvalidInput("The data are not BYTES: an element is no string.", "Write each element as a string.")
    _check_count(held, shape)
    if array[1] is None:
        return 1
    bare = _STRING.sub(b"", text) if datatype == Datatype.BYTES else text
    if bare.translate(None, _NO_STRUCTURE) != _structure(shape):
        raise InvalidInput(f"The data are nested otherwise than the shape {list(shape)}.", "They may also be flat.")
    return len(shape)


def _check_count(held: int, shape: tuple[int, ...]) -> None:
    if held != count(shape):
        raise InvalidInput(f"The shape {list(shape)} has {count(shape)} elements, the data {held}.", _HINT)


def _count(text: bytes, datatype: Datatype) -> int:
    """How many elements there are in an array that is not empty: strings of BYTES, else what commas part."""
    if datatype != Datatype.BYTES:
        return text.count(b",") + 1
    quotes = text if b"\\" not in text else text.replace(b"\\\\", b"").replace(b'\\"', b"")
    return quotes.count(b'"') // 2


def _structure(shape: tuple[int, ...]) -> bytes:
    """The brackets and commas of nested data of this shape."""
    inner = b""
    for size in reversed(shape):
        inner = b"[" + b",".join([inner] * size) + b"]"
    return inner


def _kind(datatype: Datatype) -> Any:
    if datatype == Datatype.BYTES:
        return str
    return {"b": bool, "f": float}.get(datatype.dtype.kind, int)


def _nested(text: bytes, datatype: Datatype, depth: int) -> list[Any]:
    kind = _kind(datatype)
    try:
        return _decoder(kind, depth).decode(text)
    except UnicodeDecodeError as error:
        raise InvalidInput("The data are not in UTF-8.", "Send bytes in base64, with content_type.") from error
    except msgspec.DecodeError as error:
        if kind is int and json_body.is_float_for_int(error):
            return _whole_numbers(text, datatype, depth)
        raise InvalidInput(f"The data are not {datatype}: {error}.", _wanted(datatype)) from error


def _wanted(datatype: Datatype) -> str:
    if datatype == Datatype.BYTES:
        return "Write each element as a string."
    if datatype == Datatype.BOOL:
        return "Write true and false."
    limits = np.finfo(datatype.dtype) if datatype.dtype.kind == "f" else np.iinfo(datatype.dtype)
    return f"Write numbers from {limits.min} to {limits.max}."


def _whole_numbers(text: bytes, datatype: Datatype, depth: int) -> list[Any]:
    try:
        return _decoder(int, depth, strict=False).decode(text)
    except msgspec.DecodeError as error:
        raise InvalidInput(f"The data are not {datatype}: {error}.", _wanted(datatype)) from error


@cache
def _decoder(kind: Any, depth: int, strict: bool = True) -> "msgspec.json.Decoder[list[Any]]":
    for _ in range(depth):
        kind = list[kind]
    return msgspec.json.Decoder(kind, strict=strict)


def _flat(elements: Iterable[Any], depth: int) -> Iterator[Any]:
    for _ in range(depth - 1):
        elements = chain.from_iterable(elements)
    return iter(elements)


def _array(elements: list[Any], datatype: Datatype) -> Array:
    try:
        with np.errstate(over="ignore"):
            array = np.array(elements, datatype.dtype)
    except OverflowError as error:
        raise InvalidInput(f"The data hold a number that {datatype} cannot.", _wanted(datatype)) from error
    if datatype.dtype.kind == "f" and not np.isfinite(array).all():
        raise InvalidInput(f"The data hold a number that {datatype} cannot.", _wanted(datatype))
    return array


def _bytes(elements: list[str], content_type: str) -> list[bytes]:
    if content_type != BASE64:
        return [element.encode() for element in elements]
    return [base64_text.decode(element) for element in elements]
