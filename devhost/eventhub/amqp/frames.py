"""AMQP 1.0 frames (part 2, 2.3): cutting a byte stream into them, and writing them."""

import struct
from dataclasses import dataclass

from devhost.eventhub.amqp.error import AmqpError, Condition
from devhost.eventhub.amqp.performatives import Performative, pack

AMQP, SASL = 0, 1
AMQP_HEADER = b"AMQP\x00\x01\x00\x00"
SASL_HEADER = b"AMQP\x03\x01\x00\x00"
EMPTY = b"\x00\x00\x00\x08\x02\x00\x00\x00"
MAX_FRAME_SIZE = 65_536
MIN_MAX_FRAME_SIZE = 512
_HEAD = struct.Struct(">IBBH")
# A settled transfer with all its fields: handle, delivery id, a constant one-byte tag (a settled delivery needs no
# name of its own, and the SDK remembers every tag it ever saw), format 0, settled, more, five nulls.
_TRANSFER = struct.Struct(">IBBH7sIBI3s3s5s")
_LIST, _UINT, _TAG, _NULLS = b"\x00\x53\x14\xc0\x16\x0b\x70", 0x70, b"\xa0\x01\x00", b"\x40" * 5
_MORE, _LAST = b"\x43\x41\x41", b"\x43\x41\x42"


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
    """How many transfer frames a message of `length` bytes takes."""
    return max(1, -(-length // (max_frame_size - _TRANSFER.size)))


def write_transfers(channel: int, handle: int, delivery_id: int, payload: bytes, max_frame_size: int) -> list[bytes]:
    """A pre-settled delivery of `payload`: head and content of each of its frames, in turn."""
    room = max_frame_size - _TRANSFER.size
    pieces = [payload[at : at + room] for at in range(0, len(payload), room)] or [b""]
    written = []
    for number, piece in enumerate(pieces, 1):
        flags = _LAST if number == len(pieces) else _MORE
        size = _TRANSFER.size + len(piece)
        head = _TRANSFER.pack(size, 2, AMQP, channel, _LIST, handle, _UINT, delivery_id, _TAG, flags, _NULLS)
        written += [head, piece]
    return written
