"""AMQP's types where Python has none of its own, so that a value keeps its exact type on its way through.

Reference: OASIS AMQP 1.0 part 1. AMQP has eight integer types where Python has one, hence the small subclasses;
a plain `int` cannot be encoded, which keeps wrong widths out. Rare scalars (char, float, decimals) pass as `Opaque`.
"""

from dataclasses import dataclass

from peers.eventhub.amqp.error import AmqpError, Condition


class UByte(int):
    """Unsigned, 8 bits."""


class UShort(int):
    """Unsigned, 16 bits."""


class UInt(int):
    """Unsigned, 32 bits."""


class ULong(int):
    """Unsigned, 64 bits."""


class Byte(int):
    """Signed, 8 bits."""


class Short(int):
    """Signed, 16 bits."""


class Int(int):
    """Signed, 32 bits."""


class Long(int):
    """Signed, 64 bits."""


class Timestamp(int):
    """Milliseconds since 1970-01-01T00:00:00Z."""


class Symbol(str):
    """ASCII text from a constrained domain."""


class Array(tuple[object, ...]):
    """Values of one and the same type."""


@dataclass(frozen=True, slots=True)
class Described:
    """A value with the descriptor that says what it means."""

    descriptor: object
    value: object


@dataclass(frozen=True, slots=True)
class Opaque:
    """A scalar this server has no use for: its constructor and its bytes, as they came."""

    code: int
    data: bytes


def decode_error(description: str) -> AmqpError:
    """The error for bytes that are not valid AMQP."""
    return AmqpError(Condition.DECODE, description)
