"""Bytes to AMQP values (OASIS AMQP 1.0 part 1), safe against whatever bytes come."""

import struct
from collections.abc import Callable, Hashable, Sequence
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
    decode_error,
)

MAX_DEPTH = 16
MAX_EMPTY_ITEMS = 4096
_U32 = struct.Struct(">I")
_LENGTH8, _LENGTH32, _NO_TYPE = -1, -4, -9
# By the upper half of a constructor: the width of its content, or of the length before it (part 1, 1.2).
_BY_KIND = {0x4: 0, 0x5: 1, 0x6: 2, 0x7: 4, 0x8: 8, 0x9: 16} | {0xA: _LENGTH8, 0xC: _LENGTH8, 0xE: _LENGTH8}
_BY_KIND |= {0xB: _LENGTH32, 0xD: _LENGTH32, 0xF: _LENGTH32}
_WIDTHS = [_BY_KIND.get(code >> 4, _NO_TYPE) for code in range(256)]
# Constructors of list, map and array, and the bytes that hold their count of items.
_COMPOUND_HEAD = {0xC0: 1, 0xC1: 1, 0xE0: 1, 0xD0: 4, 0xD1: 4, 0xF0: 4}
_OPAQUE = frozenset({0x72, 0x73, 0x74, 0x84, 0x94})


def extent(data: bytes, pos: int, code: int) -> tuple[int, int]:
    """Start and end in `data` of the content of the value whose constructor `code` stands before `pos`."""
    width = _WIDTHS[code]
    if width >= 0:
        start, end = pos, pos + width
    elif width == _LENGTH8 and pos < len(data):
        start = pos + 1
        end = start + data[pos]
    elif width == _LENGTH32 and pos + 4 <= len(data):
        start = pos + 4
        end = start + int(_U32.unpack_from(data, pos)[0])
    else:
        raise decode_error(f"No value can start with the byte 0x{code:02x} here.")
    if end > len(data):
        raise decode_error(f"A value of {end - start} bytes ends beyond its frame.")
    return start, end


def skip(data: bytes, pos: int, depth: int = MAX_DEPTH) -> int:
    """The position just after the value that starts at `pos`."""
    if pos >= len(data) or not depth:
        raise decode_error("A value is missing or too deeply nested.")
    if data[pos] == 0:
        return skip(data, skip(data, pos + 1, depth - 1), depth - 1)
    return extent(data, pos + 1, data[pos])[1]


def decode(data: bytes, pos: int = 0, depth: int = MAX_DEPTH) -> tuple[object, int]:
    """The value that starts at `pos` and the position just after it. AmqpError if there is none."""
    if pos >= len(data) or not depth:
        raise decode_error("A value is missing or too deeply nested.")
    code = data[pos]
    if code == 0:
        descriptor, pos = decode(data, pos + 1, depth - 1)
        value, pos = decode(data, pos, depth - 1)
        return Described(descriptor, value), pos
    start, end = extent(data, pos + 1, code)
    return _content(code, data[start:end], depth), end


def _content(code: int, content: bytes, depth: int) -> object:
    read = _SCALAR_READERS.get(code)
    if read:
        try:
            return read(content)
        except ValueError as error:
            raise decode_error(f"Not valid text: {error}.") from error
    if code in _COMPOUND_HEAD:
        return _compound(code, content, depth)
    if code in _OPAQUE:
        return Opaque(code, content)
    raise decode_error(f"There is no AMQP type 0x{code:02x}.")


def _compound(code: int, content: bytes, depth: int) -> object:
    head = _COMPOUND_HEAD[code]
    if len(content) < head:
        raise decode_error("A list, map or array lacks its count.")
    count = int.from_bytes(content[:head])
    if code in (0xE0, 0xF0):
        return _array(content, head, count, depth)
    if count > len(content):
        raise decode_error(f"{count} items cannot fit into {len(content)} bytes.")
    items = _items(content, head, count, depth)
    return _mapping(items) if code & 0xF else items


def _items(content: bytes, pos: int, count: int, depth: int) -> list[object]:
    items = []
    for _ in range(count):
        item, pos = decode(content, pos, depth - 1)
        items.append(item)
    return items


def _mapping(items: Sequence[object]) -> dict[Hashable, object]:
    if len(items) % 2:
        raise decode_error("A map has a key without a value.")
    keys = [key for key in items[::2] if isinstance(key, Hashable) and not isinstance(key, Described)]
    if len(keys) * 2 != len(items):
        raise decode_error("A map has a key that is itself a list, a map or described.")
    return dict(zip(keys, items[1::2], strict=True))


def _array(content: bytes, pos: int, count: int, depth: int) -> Array:
    if not count:
        return Array()
    if pos >= len(content) or content[pos] == 0:
        raise decode_error("An array lacks its constructor, or holds described values.")
    code = content[pos]
    pos += 1
    if count > max(len(content), MAX_EMPTY_ITEMS):
        raise decode_error(f"{count} array items cannot fit into {len(content)} bytes.")
    items = []
    for _ in range(count):
        start, pos = extent(content, pos, code)
        items.append(_content(code, content[start:pos], depth - 1))
    return Array(items)


def _number(kind: Callable[[int], object], form: str) -> Callable[[bytes], object]:
    packer = struct.Struct(form)
    return lambda content: kind(packer.unpack(content)[0])


_SCALAR_READERS: dict[int, Callable[[bytes], object]] = {
    0x40: lambda _: None,
    0x41: lambda _: True,
    0x42: lambda _: False,
    0x43: lambda _: UInt(0),
    0x44: lambda _: ULong(0),
    0x45: lambda _: [],
    0x56: lambda content: content != b"\0",
    0x50: _number(UByte, ">B"),
    0x51: _number(Byte, ">b"),
    0x52: _number(UInt, ">B"),
    0x53: _number(ULong, ">B"),
    0x54: _number(Int, ">b"),
    0x55: _number(Long, ">b"),
    0x60: _number(UShort, ">H"),
    0x61: _number(Short, ">h"),
    0x70: _number(UInt, ">I"),
    0x71: _number(Int, ">i"),
    0x80: _number(ULong, ">Q"),
    0x81: _number(Long, ">q"),
    0x82: _number(float, ">d"),
    0x83: _number(Timestamp, ">q"),
    0x98: lambda content: UUID(bytes=content),
    0xA0: bytes,
    0xB0: bytes,
    0xA1: lambda content: content.decode(),
    0xB1: lambda content: content.decode(),
    0xA3: lambda content: Symbol(content.decode("ascii")),
    0xB3: lambda content: Symbol(content.decode("ascii")),
}
