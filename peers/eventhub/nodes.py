"""What an attaching peer wants, by the address of its link: a hub, a partition, `$cbs` or `$management`."""

from dataclasses import dataclass

from peers.eventhub import wording
from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.amqp.performatives import Attach
from peers.eventhub.amqp.types import Described
from peers.eventhub.tokens import path_of

CBS, MANAGEMENT = "$cbs", "$management"
FILTER_FIELD = 7
EPOCH = "com.microsoft:epoch"
_NAME = "com.microsoft:receiver-name"
_METRICS = "com.microsoft:enable-receiver-runtime-metric"


@dataclass(frozen=True, slots=True)
class RequestNode:
    """`$cbs` or `$management`."""

    name: str


@dataclass(frozen=True, slots=True)
class PublishNode:
    """A hub to send to; without a partition, the key or the hub decides."""

    hub: str
    partition: str | None = None


@dataclass(frozen=True, slots=True)
class EventsNode:
    """A partition to read as a member of a consumer group."""

    hub: str
    group: str
    partition: str


type Node = RequestNode | PublishNode | EventsNode


def node_of(path: tuple[str, ...], *, reading: bool) -> Node:
    """The node at `path` (lower case) for a peer that reads or sends. AmqpError if there is no such node."""
    match path:
        case (("$cbs" | "$management") as name,) | (_, "$management" as name):
            return RequestNode(name)
        case (hub,) if not reading:
            return PublishNode(hub)
        case (hub, "partitions", partition) if not reading:
            return PublishNode(hub, partition)
        case (hub, "consumergroups", group, "partitions", partition) if reading:
            return EventsNode(hub, group, partition)
    address = f"sb://{wording.NAMESPACE}/{'/'.join(path)}"
    raise AmqpError(Condition.NOT_FOUND, wording.no_such_entity(address, "".join(path[:1])))


def address_of(terminus: Described | None) -> str:
    """The address in a source or target; empty if there is none."""
    fields = terminus.value if terminus else None
    address = fields[0] if isinstance(fields, list) and fields else None
    if isinstance(address, bytes):
        return address.decode(errors="replace")
    return address if isinstance(address, str) else ""


def path_wanted(attach: Attach) -> tuple[str, ...]:
    """The path a peer attaches to: its source if it reads, its target if it sends."""
    return path_of(address_of(attach.source if attach.role else attach.target))


def filters_of(attach: Attach) -> object:
    """The filter set of the source, if any."""
    fields = attach.source.value if attach.source else None
    return fields[FILTER_FIELD] if isinstance(fields, list) and len(fields) > FILTER_FIELD else None


def epoch_of(attach: Attach) -> int | None:
    """The owner level a consumer claims, if any."""
    value = (attach.properties or {}).get(EPOCH)
    return int(value) if isinstance(value, int) else None


def name_of(attach: Attach) -> str:
    """What a consumer calls itself; "nil" stands for none."""
    return str((attach.properties or {}).get(_NAME) or "nil")


def wants_metrics(attach: Attach) -> bool:
    """Whether the consumer wants to hear how far the partition has grown."""
    wanted = attach.desired_capabilities
    return wanted == _METRICS or (isinstance(wanted, tuple | list) and _METRICS in wanted)
