"""Event Hubs messages: unpacking what a producer sends and stamping what a consumer gets.

A producer's bytes are never decoded and encoded again. Of each message only the message annotations are opened;
its properties and body reach the consumer byte for byte.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from devhost.eventhub.amqp.decoding import decode, extent, skip
from devhost.eventhub.amqp.encoding import encode
from devhost.eventhub.amqp.types import Described, Long, Symbol, Timestamp, ULong, decode_error

BATCH_FORMAT = 0x80013700
DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = 0x71, 0x72, 0x73, 0x74
DATA, AMQP_VALUE = 0x75, 0x77
_KEY = "x-opt-partition-key"
_KEY_BYTES = encode(Symbol(_KEY))
_SEQUENCE, _OFFSET, _TIME = (encode(Symbol(f"x-opt-{name}")) for name in ("sequence-number", "offset", "enqueued-time"))
_OURS = frozenset({_KEY, "x-opt-sequence-number", "x-opt-offset", "x-opt-enqueued-time"})
_MAP_HEAD = struct.Struct(">4sII")
_LONG = struct.Struct(">q")


class Message(NamedTuple):
    """One event as its producer sent it. `annotations` are the encoded entries the service does not set itself."""

    bare: bytes
    key: str | None = None
    annotations: bytes = b""
    annotation_count: int = 0


class Section(NamedTuple):
    """A section of a message: its descriptor and where its value lies."""

    code: int
    start: int
    value: int
    end: int


def sections(data: bytes) -> Iterator[Section]:
    """The sections of an encoded message, in turn. AmqpError if it is not one."""
    pos = 0
    while pos < len(data):
        if not data.startswith(b"\x00\x53", pos) or pos + 3 > len(data):
            raise decode_error("A message section has to start with a descriptor.")
        end = skip(data, pos + 3)
        yield Section(data[pos + 2], pos, pos + 3, end)
        pos = end


def read_transfer(message_format: int, payload: bytes) -> list[Message]:
    """The messages of one delivery: several in Event Hubs' batch format, else one. AmqpError if malformed."""
    if message_format != BATCH_FORMAT:
        return [read_message(payload)]
    outer_key = None
    messages = []
    for section in sections(payload):
        if section.code == MESSAGE_ANNOTATIONS:
            outer_key = _annotations(payload[section.value : section.end])[0]
        elif section.code == DATA:
            messages.append(read_message(_binary(payload, section.value), outer_key))
    return messages


def _binary(data: bytes, pos: int) -> bytes:
    if data[pos] not in (0xA0, 0xB0):
        raise decode_error("A batch has to consist of binary data sections.")
    start, end = extent(data, pos + 1, data[pos])
    return data[start:end]


def read_message(data: bytes, outer_key: str | None = None) -> Message:
    """One encoded message taken apart; `outer_key` is the partition key of the batch around it."""
    bare, key, annotations, count = len(data), None, b"", 0
    for code, start, value, end in sections(data):
        if code == MESSAGE_ANNOTATIONS:
            key, annotations, count = _annotations(data[value:end])
        elif code > MESSAGE_ANNOTATIONS and start < bare:
            bare = start
    return Message(data[bare:], key if key is not None else outer_key, annotations, count)


def _annotations(value: bytes) -> tuple[str | None, bytes, int]:
    """Partition key, the encoded entries that are not the service's own, and their number."""
    return _split_again(value) if len(value) <= _REMEMBERED_BYTES else _split(value)


def _split(value: bytes) -> tuple[str | None, bytes, int]:
    if value == b"\x40":
        return None, b"", 0
    if value[0] not in (0xC1, 0xD1):
        raise decode_error("Message annotations have to be a map.")
    pos = 3 if value[0] == 0xC1 else 9
    found, kept = None, []
    while pos < len(value):
        name, at = decode(value, pos)
        end = skip(value, at)
        if name == _KEY:
            found, _ = decode(value, at)
        elif not isinstance(name, str) or name not in _OURS:
            kept.append(value[pos:end])
        pos = end
    return (found if isinstance(found, str) else None), b"".join(kept), len(kept)


# The messages of a batch mostly carry the same annotations.
_REMEMBERED_BYTES = 256
_split_again = lru_cache(maxsize=1024)(_split)


def stamp(message: Message, sequence: int, offset: int, time: int) -> bytes:
    """The message as consumers get it: with its place in the partition and its time (ms since 1970, UTC)."""
    digits = b"%d" % offset
    entries = [_SEQUENCE, b"\x81", _LONG.pack(sequence), _OFFSET, b"\xa1", bytes((len(digits),)), digits]
    entries += [_TIME, b"\x83", _LONG.pack(time)]
    count = 3 + message.annotation_count
    if message.key is not None:
        entries += [_KEY_BYTES, encode(message.key)]
        count += 1
    entries.append(message.annotations)
    length = sum(map(len, entries))
    head = _MAP_HEAD.pack(b"\x00\x53\x72\xd1", length + 4, 2 * count)
    return b"".join((head, *entries, message.bare))


def runtime_annotations(sequence: int, offset: int, time: int, now: int) -> bytes:
    """The section that tells a consumer how far the partition has grown; times in ms since 1970."""
    values = {
        Symbol("last_enqueued_sequence_number"): Long(sequence),
        Symbol("last_enqueued_offset"): str(offset),
        Symbol("last_enqueued_time_utc"): Timestamp(time),
        Symbol("runtime_info_retrieval_time_utc"): Timestamp(now),
    }
    return encode(Described(ULong(DELIVERY_ANNOTATIONS), values))
