"""AMQP values to bytes (OASIS AMQP 1.0 part 1)."""

import struct
from collections.abc import Callable, Sequence
from uuid import UUID

from peers.eventhub.amqp.types import (
    Array,
    Byte,
    Described,
    Int,
    Long,
    Opaque,
    Short,
    Symbol,
    Timestamp,
    UByte,
    UInt,
    ULong,
    UShort,
)

_U32 = struct.Struct(">I")


def encode(value: object) -> bytes:
    """`value` with its constructor. TypeError for a type that is not AMQP's, a plain `int` among them."""
    write = _WRITERS.get(type(value))
    if not write:
        raise TypeError(f"{type(value).__name__} is not an AMQP type.")
    return write(value)


def _sized(small: int, content: bytes) -> bytes:
    if len(content) < 256:
        return bytes((small, len(content))) + content
    return bytes((small + 0x10,)) + _U32.pack(len(content)) + content


def compound_head(small: int, size: int, count: int) -> bytes:
    """Constructor, size and count of a list or map of `count` items in `size` bytes; `small` is the short form."""
    if size < 255 and count < 256:
        return bytes((small, size + 1, count))
    return bytes((small + 0x10,)) + _U32.pack(size + 4) + _U32.pack(count)


def _write_items(small: int, items: Sequence[object]) -> bytes:
    content = b"".join(map(encode, items))
    return compound_head(small, len(content), len(items)) + content


def _write_map(value: dict[object, object]) -> bytes:
    return _write_items(0xC1, [part for pair in value.items() for part in pair])


# In an array the constructor is written once, so every item needs its widest form.
_ARRAY_FORMS: dict[type, tuple[int, Callable[[object], bytes]]] = {
    str: (0xB1, lambda item: _U32.pack(len(str(item).encode())) + str(item).encode()),
    Symbol: (0xB3, lambda item: _U32.pack(len(str(item))) + str(item).encode("ascii")),
}


def _write_array(value: Array) -> bytes:
    if not value:
        return b"\xe0\x01\x00"
    if type(value[0]) not in _ARRAY_FORMS or len({type(item) for item in value}) > 1:
        raise TypeError("Only arrays of strings or of symbols are written.")
    code, write = _ARRAY_FORMS[type(value[0])]
    content = bytes((code,)) + b"".join(map(write, value))
    return b"\xf0" + _U32.pack(len(content) + 4) + _U32.pack(len(value)) + content


def _writer(code: int, form: str, small: int | None = None, zero: int | None = None) -> Callable[..., bytes]:
    """A number's writer; `small` is the one-byte form of the wider types, `zero` the form without content."""
    packer = struct.Struct(">B" + form)
    low, high = (-128, 127) if form.islower() else (0, 255)

    def write(value: int) -> bytes:
        if zero is not None and value == 0:
            return bytes((zero,))
        if small is not None and low <= value <= high:
            return bytes((small, value & 0xFF))
        return packer.pack(code, value)

    return write


_WRITERS: dict[type, Callable[..., bytes]] = {
    type(None): lambda _: b"\x40",
    bool: lambda value: b"\x41" if value else b"\x42",
    UByte: _writer(0x50, "B"),
    Byte: _writer(0x51, "b"),
    UShort: _writer(0x60, "H"),
    Short: _writer(0x61, "h"),
    UInt: _writer(0x70, "I", 0x52, 0x43),
    Int: _writer(0x71, "i", 0x54),
    ULong: _writer(0x80, "Q", 0x53, 0x44),
    Long: _writer(0x81, "q", 0x55),
    Timestamp: _writer(0x83, "q"),
    float: _writer(0x82, "d"),
    UUID: lambda value: b"\x98" + value.bytes,
    bytes: lambda value: _sized(0xA0, value),
    str: lambda value: _sized(0xA1, value.encode()),
    Symbol: lambda value: _sized(0xA3, value.encode("ascii")),
    list: lambda value: _write_items(0xC0, value),
    dict: _write_map,
    Array: _write_array,
    Described: lambda value: b"\x00" + encode(value.descriptor) + encode(value.value),
    Opaque: lambda value: bytes((value.code,)) + value.data,
}
