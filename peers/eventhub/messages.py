"""Event Hubs messages: unpacking what a producer sends and stamping what a consumer gets.

A producer's bytes are never decoded and encoded again. Of each message only the message annotations are opened;
its properties and body reach the consumer byte for byte.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from peers.eventhub.amqp.decoding import decode, extent, skip
from peers.eventhub.amqp.encoding import compound_head, encode
from peers.eventhub.amqp.types import Described, Int, Long, Symbol, Timestamp, ULong, decode_error

BATCH_FORMAT = 0x80013700
DELIVERY_ANNOTATIONS, MESSAGE_ANNOTATIONS, PROPERTIES, APPLICATION_PROPERTIES = 0x71, 0x72, 0x73, 0x74
DATA, AMQP_VALUE = 0x75, 0x77
NO_EPOCH = Int(-1)
"""The epoch of sequence numbers in a namespace that is not geo-replicated."""
_KEY = "x-opt-partition-key"
_EPOCH, _SEQUENCE, _OFFSET, _TIME = (
    f"x-opt-{name}" for name in ("sequence-number-epoch", "sequence-number", "offset", "enqueued-time")
)
_OURS = frozenset({_EPOCH, _SEQUENCE, _OFFSET, _TIME})
_SEQUENCE_HEAD = encode(Symbol(_EPOCH)) + encode(NO_EPOCH) + encode(Symbol(_SEQUENCE))
_OFFSET_HEAD, _TIME_HEAD = encode(Symbol(_OFFSET)) + b"\xa1", encode(Symbol(_TIME))
_KEY_HEAD = encode(Symbol(_KEY))


class Message(NamedTuple):
    """One event as its producer sent it, in `size` bytes.

    `annotations` are the encoded entries that the service does not set itself, the partition key among them.
    """

    bare: bytes
    key: str | None = None
    annotations: bytes = b""
    annotation_count: int = 0
    size: int = 0


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
    if key is None and outer_key is not None:
        key, annotations, count = outer_key, _KEY_HEAD + encode(outer_key) + annotations, count + 1
    return Message(data[bare:], key, annotations, count, len(data))


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
        if not isinstance(name, str) or (name not in _OURS and (name != _KEY or isinstance(found, str))):
            kept.append(value[pos:end])
        pos = end
    return (found if isinstance(found, str) else None), b"".join(kept), len(kept)


# The messages of a batch mostly carry the same annotations.
_REMEMBERED_BYTES = 256
_split_again = lru_cache(maxsize=1024)(_split)


def stamp(message: Message, sequence: int, offset: int, time: int) -> bytes:
    """The message as consumers get it: with its place in the partition and its time (ms since 1970, UTC)."""
    digits = b"%d" % offset
    entries = (
        message.annotations,
        *(_SEQUENCE_HEAD, encode(Long(sequence))),
        *(_OFFSET_HEAD, bytes((len(digits),)), digits),
        *(_TIME_HEAD, encode(Timestamp(time))),
    )
    head = compound_head(0xC1, sum(map(len, entries)), 2 * (4 + message.annotation_count))
    return b"".join((b"\x00\x53\x72", head, *entries, message.bare))


def runtime_annotations(sequence: int, offset: int, time: int, now: int) -> bytes:
    """The section that tells a consumer how far the partition has grown; times in ms since 1970."""
    values = {
        Symbol("last_enqueued_sequence_number_epoch"): NO_EPOCH,
        Symbol("last_enqueued_sequence_number"): Long(sequence),
        Symbol("last_enqueued_offset"): str(offset),
        Symbol("last_enqueued_time_utc"): Timestamp(time),
        Symbol("runtime_info_retrieval_time_utc"): Timestamp(now),
    }
    return encode(Described(ULong(DELIVERY_ANNOTATIONS), values))
