"""The two request-response nodes: `$cbs` takes tokens, `$management` tells about hubs and partitions.

https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide (claims-based security),
https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response (replies).
"""

from collections.abc import Callable
from dataclasses import dataclass

from devhost.eventhub.amqp.decoding import decode
from devhost.eventhub.amqp.encoding import encode
from devhost.eventhub.amqp.error import AmqpError, Condition
from devhost.eventhub.amqp.types import Array, Described, Int, Long, Timestamp, ULong
from devhost.eventhub.broker import Broker
from devhost.eventhub.messages import AMQP_VALUE, APPLICATION_PROPERTIES, PROPERTIES, sections
from devhost.eventhub.tokens import Grant, SharedKey, verify

_STATUS = {Condition.UNAUTHORIZED: 401, Condition.NOT_FOUND: 404, Condition.OUT_OF_RANGE: 404}
_SAS = "servicebus.windows.net:sastoken"


@dataclass(frozen=True, slots=True)
class Request:
    """A request message, as far as it matters here."""

    message_id: object
    reply_to: object
    properties: dict[object, object]
    body: object


def read_request(payload: bytes) -> Request:
    """The request in an encoded message. AmqpError if there is none."""
    found: dict[int, object] = {}
    for section in sections(payload):
        found[section.code], _ = decode(payload, section.value)
    fields, properties = found.get(PROPERTIES), found.get(APPLICATION_PROPERTIES)
    if not isinstance(properties, dict):
        raise AmqpError(Condition.INVALID_FIELD, "A request needs application properties.")
    named = fields if isinstance(fields, list) else []
    named = named + [None] * (5 - len(named))
    return Request(named[0], named[4], properties, found.get(AMQP_VALUE))


def put_token(request: Request, key: SharedKey, now: float) -> tuple[Grant | None, bytes]:
    """What the token in the request grants, if anything, and the encoded reply."""
    try:
        if request.properties.get("type") != _SAS:
            raise AmqpError(Condition.NOT_IMPLEMENTED, "Only shared access signatures are understood here.")
        token, audience = str(request.body), str(request.properties.get("name"))
        grant = verify(token, audience, key, now)
    except AmqpError as error:
        return None, _failure(request, error)
    return grant, _reply(request, 202, "Accepted", None)


def describe(request: Request, broker: Broker, allowed: Callable[[str], bool]) -> bytes:
    """The encoded reply to a READ of a hub or a partition; `allowed` says which hubs the peer may see."""
    try:
        name = str(request.properties.get("name"))
        if not allowed(name):
            raise AmqpError(Condition.UNAUTHORIZED, f"No token was given for {name}.")
        body = _description(request, broker, name)
    except AmqpError as error:
        return _failure(request, error)
    return _reply(request, 200, "OK", body)


def _description(request: Request, broker: Broker, name: str) -> dict[str, object]:
    kind = request.properties.get("type")
    if kind == "com.microsoft:eventhub":
        return _hub_description(broker, name)
    if kind == "com.microsoft:partition":
        return _partition_description(broker, name, request.properties.get("partition"))
    raise AmqpError(Condition.NOT_IMPLEMENTED, f"{kind!r:.80} cannot be read here.")


def _hub_description(broker: Broker, name: str) -> dict[str, object]:
    hub = broker.hub(name)
    return {
        "name": hub.name,
        "type": "com.microsoft:eventhub",
        "created_at": Timestamp(hub.created),
        "partition_count": Int(len(hub.partitions)),
        "partition_ids": Array(str(number) for number in range(len(hub.partitions))),
    }


def _partition_description(broker: Broker, name: str, partition: object) -> dict[str, object]:
    hub = broker.hub(name)
    log = hub.partition(partition).log
    return {
        "name": hub.name,
        "type": "com.microsoft:partition",
        "partition": str(partition),
        "begin_sequence_number": Long(0),
        "last_enqueued_sequence_number": Long(len(log) - 1),
        "last_enqueued_offset": str(log.last_offset),
        "last_enqueued_time_utc": Timestamp(log.last_time),
        "is_partition_empty": len(log) == 0,
    }


def _failure(request: Request, error: AmqpError) -> bytes:
    status = next((code for condition, code in _STATUS.items() if condition == error.condition), 400)
    return _reply(request, status, error.description, None)


def _reply(request: Request, status: int, description: str, body: object) -> bytes:
    # Clients differ in the spelling they look for: the SDKs use one on $cbs and the other on $management.
    properties = {
        "status-code": Int(status),
        "status-description": description,
        "statusCode": Int(status),
        "statusDescription": description,
    }
    fields = [None] * 5 + [request.message_id] + [None] * 7
    parts = ((PROPERTIES, fields), (APPLICATION_PROPERTIES, properties), (AMQP_VALUE, body))
    return b"".join(encode(Described(ULong(code), value)) for code, value in parts)
