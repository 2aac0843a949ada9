"""The two request-response nodes: `$cbs` takes tokens, `$management` tells about hubs and partitions.

https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-protocol-guide (claims-based security),
https://learn.microsoft.com/azure/service-bus-messaging/service-bus-amqp-request-response (replies).
"""

from collections.abc import Callable
from dataclasses import dataclass

from peers.eventhub import wording
from peers.eventhub.amqp.decoding import decode
from peers.eventhub.amqp.encoding import encode
from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.amqp.types import Array, Described, Int, Long, Symbol, Timestamp, ULong
from peers.eventhub.broker import Broker
from peers.eventhub.messages import AMQP_VALUE, APPLICATION_PROPERTIES, NO_EPOCH, PROPERTIES, sections
from peers.eventhub.tokens import Grant, Keys, host_of, path_of, verify
from shared.settings.storage_account import LOOPBACK

_STATUS = {Condition.AUTH_FAILED: 401, Condition.UNAUTHORIZED: 401, Condition.NOT_FOUND: 404}
_TOKEN_TYPES = {"servicebus.windows.net:sastoken", "jwt"}
_YEAR_1 = Timestamp(-62_135_596_800_000)


@dataclass(frozen=True, slots=True)
class Request:
    """A request message, as far as it matters here."""

    message_id: object
    reply_to: object
    properties: dict[object, object]
    body: object

    @property
    def security_token(self) -> str | None:
        """The token that comes with a management request, if any."""
        token = self.properties.get("security_token")
        return token if isinstance(token, str) else None


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


def put_token(request: Request, broker: Broker, keys: Keys, now: float) -> tuple[Grant | None, bytes]:
    """What the token in the request grants, if anything, and the encoded reply."""
    try:
        if request.properties.get("type") not in _TOKEN_TYPES:
            raise AmqpError(Condition.NOT_IMPLEMENTED, f"{request.properties.get('type')!r:.80} is no kind of token.")
        token, audience = str(request.body), str(request.properties.get("name"))
        _look_up(audience, broker)
        grant = verify(token, audience, keys, now)
    except AmqpError as error:
        return None, _failure(request, error)
    return grant, _reply(request, {"status-code": Int(202), "status-description": "Accepted"})


def _look_up(audience: str, broker: Broker) -> None:
    """AmqpError (not found) where an audience names nothing; the service looks before it checks the signature."""
    if host_of(audience).partition(":")[0] not in LOOPBACK:
        raise AmqpError(Condition.NOT_FOUND, wording.no_such_namespace(audience))
    hub = "".join(path_of(audience)[:1])
    if hub and not hub.startswith("$"):
        broker.hub(hub)


def describe(request: Request, broker: Broker, allowed: Callable[[str], bool]) -> bytes:
    """The encoded reply to a READ of a hub or a partition; `allowed` says which hubs the peer may see."""
    try:
        name = str(request.properties.get("name"))
        if not allowed(name):
            raise AmqpError(Condition.UNAUTHORIZED, f"No token was given for {name}.")
        body = _description(request, broker, name)
    except AmqpError as error:
        refused = error.condition == Condition.AUTH_FAILED  # $cbs' word, which the .NET SDK does not know here
        return _failure(request, AmqpError(Condition.UNAUTHORIZED, error.description) if refused else error)
    return _reply(request, {"operation": "READ", "status-code": Int(200)}, body)


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
        "georeplication_factor": Int(1),
    }


def _partition_description(broker: Broker, name: str, partition: object) -> dict[str, object]:
    hub = broker.hub(name)
    log = hub.partition(partition).log
    return {
        "name": hub.name,
        "partition": str(partition),
        "type": "com.microsoft:partition",
        "begin_sequence_number_epoch": NO_EPOCH,
        "begin_sequence_number": Long(0 if len(log) else -1),
        "last_enqueued_sequence_number_epoch": NO_EPOCH,
        "last_enqueued_sequence_number": Long(len(log) - 1),
        "last_enqueued_offset": str(log.last_offset),
        "last_enqueued_time_utc": Timestamp(log.last_time) if len(log) else _YEAR_1,
        "is_partition_empty": len(log) == 0,
    }


def _failure(request: Request, error: AmqpError) -> bytes:
    status = next((code for condition, code in _STATUS.items() if condition == error.condition), 400)
    properties = {
        "status-code": Int(status),
        "status-description": error.description,
        "error-condition": Symbol(error.condition),
    }
    return _reply(request, properties)


def _reply(request: Request, properties: dict[str, object], body: object = None) -> bytes:
    fields = [None] * 5 + [request.message_id] + [None] * 7
    parts: list[tuple[int, object]] = [(PROPERTIES, fields), (APPLICATION_PROPERTIES, properties)]
    if body is not None:
        parts.append((AMQP_VALUE, body))
    return b"".join(encode(Described(ULong(code), value)) for code, value in parts)
