"""AMQP 1.0 frames (part 2, 2.3): cutting a byte stream into them, and writing them."""

import struct
from dataclasses import dataclass

from peers.eventhub.amqp.encoding import encode
from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.amqp.performatives import Performative, pack
from peers.eventhub.amqp.types import UInt

AMQP, SASL = 0, 1
AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
EMPTY = b"\x00\x00\x00\x08\x02\x00\x00\x00"
MAX_FRAME_SIZE = 65_536
MIN_MAX_FRAME_SIZE = 512
_HEAD = struct.Struct(">IBBH")
_FIXED = _HEAD.size + 6
"""Bytes of a transfer frame before its fields: the head, the descriptor, a list's constructor, size and count."""
_SPARE = 31
"""Event Hubs ends its frames this far below its own limit."""
_WIDEST = 5
"""Bytes of the widest delivery id: room is kept for it, whatever the id."""
_TRUE, _FALSE, _NULL = b"\x41", b"\x42", b"\x40"


@dataclass(frozen=True, slots=True)
class Frame:
    """One frame as it came: its type (AMQP or SASL), its channel and its body without extended header."""

    kind: int
    channel: int
    body: bytes


def write_frame(channel: int, performative: Performative, kind: int = AMQP) -> bytes:
    """A frame with `performative` and no payload."""
    body = pack(performative)
    return _HEAD.pack(8 + len(body), 2, kind, channel) + body


def take_frame(buffer: bytearray) -> Frame | None:
    """Removes and returns the frame at the front of `buffer`, if all of it is there.

    AmqpError for a size that cannot be.
    """
    if len(buffer) < 8:
        return None
    size, offset, kind, channel = _HEAD.unpack_from(buffer)
    if not 8 <= 4 * offset <= size <= MAX_FRAME_SIZE:
        raise AmqpError(Condition.FRAMING, f"A frame cannot have {size} bytes, {4 * offset} of them header.")
    if len(buffer) < size:
        return None
    body = bytes(buffer[4 * offset : size])
    del buffer[:size]
    return Frame(kind, channel, body)


def frames_needed(length: int, max_frame_size: int) -> int:
    """The most transfer frames a message of `length` bytes takes."""
    return max(1, -(-length // (_room(max_frame_size) - _FIXED - _MOST_FIELDS)))


def write_transfers(
    channel: int, handle: int, delivery_id: int, payload: bytes, max_frame_size: int, tag: bytes = b""
) -> list[bytes]:
    """A delivery of `payload`: head and content of each of its frames, in turn.

    Without a `tag` it is settled: it needs no name of its own, and the SDK remembers every tag it ever saw. Only the
    first frame names the delivery.
    """
    link, number = encode(UInt(handle)), encode(UInt(delivery_id))
    settled = _FALSE if tag else _TRUE
    first = number + encode(tag) + b"\x43" + settled, b"\x40" * 4 + (_FALSE if tag else _TRUE)
    later = _NULL * 4, _NULL * 5
    limit = _room(max_frame_size)
    written, at, (opening, closing) = [], 0, first
    while True:
        spare = _WIDEST - len(number) if not at else 0
        size = _FIXED + len(link) + len(opening) + 1 + len(closing)
        piece = payload[at : at + limit - size - spare]
        at += len(piece)
        more = _TRUE if at < len(payload) else _FALSE
        fields = b"".join((link, opening, more, closing))
        head = _HEAD.pack(size + len(piece), 2, AMQP, channel)
        written += [head + b"\x00\x53\x14\xc0" + bytes((len(fields) + 1, 11)) + fields, piece]
        if at >= len(payload):
            return written
        opening, closing = later


_MOST_FIELDS = 5 + _WIDEST + 6 + 2 + 1 + 5
"""Bytes of a transfer's fields at most: handle, delivery id, a tag of four bytes, format, settled, more, five more."""


def _room(max_frame_size: int) -> int:
    return min(max_frame_size, MAX_FRAME_SIZE - _SPARE)
