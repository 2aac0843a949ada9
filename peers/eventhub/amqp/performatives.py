"""AMQP 1.0's performatives (part 2, 2.7) and SASL's (part 5) as dataclasses, and their bytes.

Every field is written, nulls too: azure-eventhub 5.15.1 reads fields by index and fails on a shortened list.
"""

from dataclasses import dataclass, fields
from typing import ClassVar, get_args, get_type_hints

from peers.eventhub.amqp.decoding import decode
from peers.eventhub.amqp.encoding import encode
from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.amqp.types import Described, Opaque, Symbol, UByte, UInt, ULong, UShort, decode_error

# Outcomes without content are a list0, as Event Hubs writes them.
ACCEPTED, RELEASED = (Described(ULong(code), Opaque(0x45, b"")) for code in (0x24, 0x26))
SOURCE, TARGET = 0x28, 0x29


@dataclass(frozen=True, slots=True, kw_only=True)
class Performative:
    """Base of all; `code` is the descriptor."""

    code: ClassVar[int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Open(Performative):
    code = 0x10
    container_id: str
    hostname: str | None = None
    max_frame_size: UInt | None = None
    channel_max: UShort | None = None
    idle_time_out: UInt | None = None
    outgoing_locales: object = None
    incoming_locales: object = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: dict[object, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Begin(Performative):
    code = 0x11
    remote_channel: UShort | None = None
    next_outgoing_id: UInt
    incoming_window: UInt
    outgoing_window: UInt
    handle_max: UInt | None = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: dict[object, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attach(Performative):
    code = 0x12
    name: str
    handle: UInt
    role: bool
    snd_settle_mode: UByte | None = None
    rcv_settle_mode: UByte | None = None
    source: Described | None = None
    target: Described | None = None
    unsettled: dict[object, object] | None = None
    incomplete_unsettled: bool | None = None
    initial_delivery_count: UInt | None = None
    max_message_size: ULong | None = None
    offered_capabilities: object = None
    desired_capabilities: object = None
    properties: dict[object, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow(Performative):
    code = 0x13
    next_incoming_id: UInt | None = None
    incoming_window: UInt
    next_outgoing_id: UInt
    outgoing_window: UInt
    handle: UInt | None = None
    delivery_count: UInt | None = None
    link_credit: UInt | None = None
    available: UInt | None = None
    drain: bool | None = None
    echo: bool | None = None
    properties: dict[object, object] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer(Performative):
    code = 0x14
    handle: UInt
    delivery_id: UInt | None = None
    delivery_tag: bytes | None = None
    message_format: UInt | None = None
    settled: bool | None = None
    more: bool | None = None
    rcv_settle_mode: UByte | None = None
    state: Described | None = None
    resume: bool | None = None
    aborted: bool | None = None
    batchable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Disposition(Performative):
    code = 0x15
    role: bool
    first: UInt
    last: UInt | None = None
    settled: bool | None = None
    state: Described | None = None
    batchable: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Detach(Performative):
    code = 0x16
    handle: UInt
    closed: bool | None = None
    error: Described | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class End(Performative):
    code = 0x17
    error: Described | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Close(Performative):
    code = 0x18
    error: Described | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslMechanisms(Performative):
    code = 0x40
    mechanisms: object


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslInit(Performative):
    code = 0x41
    mechanism: Symbol
    initial_response: bytes | None = None
    hostname: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SaslOutcome(Performative):
    code = 0x44
    outcome: UByte
    additional_data: bytes | None = None


def describe_error(error: AmqpError) -> Described:
    """The error composite; its empty info is written too, because the SDK reads it by index."""
    return Described(ULong(0x1D), [Symbol(error.condition), error.description, None])


def rejected(error: AmqpError) -> Described:
    """The delivery state for a message that was not taken."""
    return Described(ULong(0x25), [describe_error(error)])


def pack(performative: Performative) -> bytes:
    """The performative as a described list with all its fields."""
    values = [getattr(performative, field.name) for field in fields(performative)]
    return encode(Described(ULong(performative.code), values))


def unpack(body: bytes) -> tuple[Performative, bytes]:
    """The performative a frame's body starts with, and the payload behind it. AmqpError if it is not one."""
    value, end = decode(body)
    if not isinstance(value, Described) or not isinstance(value.value, list):
        raise decode_error("A frame has to start with a performative.")
    kind = _BY_CODE.get(value.descriptor) if isinstance(value.descriptor, ULong) else None
    if not kind:
        raise decode_error(f"There is no performative {value.descriptor!r}.")
    return _build(kind, value.value), body[end:]


def _build(kind: type[Performative], values: list[object]) -> Performative:
    specs = _SPECS[kind]
    if len(values) > len(specs):
        raise decode_error(f"{kind.__name__} has {len(specs)} fields, not {len(values)}.")
    padded = values + [None] * (len(specs) - len(values))
    for (name, types), value in zip(specs, padded, strict=True):
        if not isinstance(value, types):
            raise AmqpError(Condition.INVALID_FIELD, f"{kind.__name__}.{name} cannot be {value!r:.80}.")
    return kind(**dict(zip((name for name, _ in specs), padded, strict=True)))


def _accepted_types(hint: object) -> tuple[type, ...]:
    options = get_args(hint) if type(None) in get_args(hint) else (hint,)
    return tuple(getattr(option, "__origin__", option) for option in options)


def _specs(kind: type[Performative]) -> tuple[tuple[str, tuple[type, ...]], ...]:
    hints = get_type_hints(kind)
    return tuple((field.name, _accepted_types(hints[field.name])) for field in fields(kind))


_SPECS = {kind: _specs(kind) for kind in Performative.__subclasses__()}
_BY_CODE: dict[object, type[Performative]] = {kind.code: kind for kind in _SPECS}
