"""Which partition a key belongs to, as Event Hubs computes it: senders and the local peer must agree.

Bob Jenkins' lookup3 `hashlittle2` (https://burtleburtle.net/bob/c/lookup3.c) over the key in upper-case ASCII; both
words, combined, modulo 32,767; that code's place in ranges of equal width, the first of them one wider. Microsoft
publishes this form for the same purpose, and it fits the six keys whose partition on Azure is recorded (2 partitions).
Producers that buffer name the partition themselves, by a hash of their own.
"""

import struct
from functools import lru_cache

_MASK = 0xFFFFFFFF
_CODES = 32_767
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


@lru_cache(maxsize=10_000)
def partition_of(key: str, partitions: int) -> int:
    """The partition (0 to `partitions` - 1) that events with this key go to."""
    first, second = hash_words(key.encode("ascii", "replace").upper())
    code = (first ^ second) % _CODES
    width, wider = divmod(_CODES, partitions)
    return code // (width + 1) if code < wider * (width + 1) else (code - wider) // width


def last_code(partition: int, partitions: int) -> int:
    """The end of a partition's range of codes, by which the service names it to support."""
    width, wider = divmod(_CODES, partitions)
    return (partition + 1) * width + min(partition + 1, wider) - 1
