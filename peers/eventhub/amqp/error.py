"""The one exception of the protocol: an AMQP error condition on its way to the peer."""

from enum import StrEnum


class Condition(StrEnum):
    """The error conditions this server answers with (AMQP 1.0 part 2.8.15 ff. and Event Hubs' own)."""

    INTERNAL = "amqp:internal-error"
    NOT_FOUND = "amqp:not-found"
    UNAUTHORIZED = "amqp:unauthorized-access"
    AUTH_FAILED = "com.microsoft:auth-failed"
    LIMIT_EXCEEDED = "amqp:resource-limit-exceeded"
    DECODE = "amqp:decode-error"
    NOT_ALLOWED = "amqp:not-allowed"
    INVALID_FIELD = "amqp:invalid-field"
    NOT_IMPLEMENTED = "amqp:not-implemented"
    FORCED = "amqp:connection:forced"
    FRAMING = "amqp:connection:framing-error"
    WINDOW = "amqp:session:window-violation"
    HANDLE_IN_USE = "amqp:session:handle-in-use"
    TOO_LARGE = "amqp:link:message-size-exceeded"
    STOLEN = "amqp:link:stolen"
    BUSY = "com.microsoft:server-busy"
    ARGUMENT = "com.microsoft:argument-error"
    OUT_OF_RANGE = "com.microsoft:argument-out-of-range"


class AmqpError(Exception):
    """What went wrong, as the peer is told: a condition from the table above and a sentence."""

    def __init__(self, condition: str, description: str) -> None:
        super().__init__(f"{condition}: {description}")
        self.condition = condition
        self.description = description
