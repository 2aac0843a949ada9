"""Which partition a key belongs to, as Event Hubs computes it: senders and the local peer must agree.

Bob Jenkins' lookup3 `hashlittle2` (https://burtleburtle.net/bob/c/lookup3.c) over the key in UTF-8, both words
combined into a signed 16-bit number, then C#'s remainder and absolute value.
"""

import struct
from functools import cache

_MASK = 0xFFFFFFFF
_WORDS = struct.Struct("<III")


def _rotate(value: int, bits: int) -> int:
    return (value << bits | value >> (32 - bits)) & _MASK


def _mix(a: int, b: int, c: int) -> tuple[int, int, int]:
    for bits in (4, 6, 8, 16, 19, 4):
        # Each round gives the next word the leading part.
        a = (a - c) & _MASK ^ _rotate(c, bits)
        c = (c + b) & _MASK
        a, b, c = b, c, a
    return a, b, c


def _final(a: int, b: int, c: int) -> tuple[int, int]:
    for bits in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotate(b, bits)) & _MASK
        a, b, c = b, c, a
    return b, a


def hash_words(data: bytes) -> tuple[int, int]:
    """lookup3's `hashlittle2` with zero seeds: the words it calls c and b."""
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    if not data:
        return c, b
    last = (len(data) - 1) // 12 * 12
    for at in range(0, last, 12):
        x, y, z = _WORDS.unpack_from(data, at)
        a, b, c = _mix((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)
    x, y, z = _WORDS.unpack(data[last:].ljust(12, b"\0"))
    return _final((a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK)


@cache
def partition_of(key: str, partitions: int) -> int:
    """The partition (0 to `partitions` - 1) that events with this key go to."""
    if not key:
        return 0
    first, second = hash_words(key.encode())
    code = (first ^ second) & 0xFFFF
    signed = code - 0x10000 if code & 0x8000 else code
    return abs(signed) % partitions
