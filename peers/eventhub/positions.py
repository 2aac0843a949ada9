"""Where a consumer wants to start: the selector filter of its link, resolved to a message number."""

import re

from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.amqp.types import Described
from peers.eventhub.log import PartitionLog

_FILTER = "apache.org:selector-filter:string"
# The .NET SDK writes values without quotes.
_SELECTOR = re.compile(r"amqp\.annotation\.x-opt-(offset|sequence-number|enqueued-time)\s*(>=?)\s*('?)([^'\s]*)\3")


def selector(filters: object) -> str | None:
    """The selector in a source's filter set, or None if there is none."""
    found = filters.get(_FILTER) if isinstance(filters, dict) else None
    text = found.value if isinstance(found, Described) else found
    if isinstance(text, bytes):
        text = text.decode(errors="replace")
    return text if isinstance(text, str) else None


def first_message(text: str | None, log: PartitionLog) -> int:
    """The number of the first message the selector `text` lets through; without one, the first of all.

    AmqpError for a selector that cannot be read, or a place beyond the end of the log: a checkpoint from another
    life of the hub, which would otherwise wait in silence.
    """
    if text is None:
        return 0
    match = _SELECTOR.fullmatch(text.strip())
    if not match:
        raise AmqpError(Condition.INVALID_FIELD, f"The filter {text!r:.200} is not a position.")
    field, comparison, _, value = match.groups()
    if field == "offset" and value == "@latest":
        return len(log)
    return _place(field, _number(value), comparison == ">", log)


def _place(field: str, value: int, after: bool, log: PartitionLog) -> int:
    first = value + 1 if after else value
    if field == "enqueued-time":
        return log.first_from_time(first)
    if field == "offset":
        _check_end("offset", value, log.last_offset)
        return log.first_from_offset(first)
    _check_end("sequence number", value, len(log) - after)
    return max(first, 0)


def _number(value: str) -> int:
    try:
        return int(value)
    except ValueError as error:
        raise AmqpError(Condition.ARGUMENT, f"{value!r:.80} is not a number.") from error


def _check_end(what: str, value: int, last: int) -> None:
    if value > max(last, 0):
        raise AmqpError(
            Condition.ARGUMENT,
            f"The supplied {what} '{value}' is invalid. The last {what} in the system is '{last}'.",
        )
