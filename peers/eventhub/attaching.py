"""From an attach to a link: which node the peer wants, whether it may, and what the link does."""

import time
from typing import Protocol

from peers.eventhub import nodes, wording
from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.amqp.performatives import Attach
from peers.eventhub.answering import answer, link_properties, receiver_answer, sender_answer
from peers.eventhub.broker import Broker, Hub
from peers.eventhub.links import (
    HUB_CREDIT,
    PARTITION_CREDIT,
    REQUEST_CREDIT,
    Consumer,
    EventLink,
    IncomingLink,
    Link,
    ReplyLink,
    Wire,
)
from peers.eventhub.messages import read_transfer
from peers.eventhub.positions import first_message, selector
from peers.eventhub.requests import describe, put_token, read_request
from peers.eventhub.times import Times
from peers.eventhub.tokens import Grant, Keys, host_of, resource_of, verify


class Client(Protocol):
    """The peer behind the links: what it may use, and of what."""

    broker: Broker
    keys: Keys
    times: Times
    container_id: str
    address: str
    is_python: bool

    def admit(self, grant: Grant) -> None:
        """Remembers what the peer has proved it may use."""

    def grant_for(self, path: tuple[str, ...]) -> Grant | None:
        """What lets the peer use the node at `path`, if anything."""


class Replying(Wire, Protocol):
    """A session, as far as requests need it."""

    def reply(self, node: str, address: object, payload: bytes) -> None:
        """Answers a request on the link that leads from `node`."""


def open_link(wire: Replying, client: Client, attach: Attach, path: tuple[str, ...]) -> tuple[Link, Attach]:
    """The link to the node at `path` under the handle of `attach`, and the answer to that.

    AmqpError if there is no such node or the peer may not use it.
    """
    node = nodes.node_of(path, reading=attach.role)
    if isinstance(node, nodes.RequestNode):
        return _open_requests(wire, client, attach, node.name), answer(attach)
    grant = client.grant_for(path)
    if not grant:
        raise AmqpError(Condition.UNAUTHORIZED, f"No valid token was given for {'/'.join(path)!r}.")
    hub = client.broker.hub(node.hub)
    properties = link_properties(attach, node, grant, client.container_id, client.address)
    if isinstance(node, nodes.PublishNode):
        return _open_publisher(wire, client.broker, attach, hub, node.partition), sender_answer(attach, properties)
    return _open_events(wire, client.times, attach, hub, node), receiver_answer(attach, properties)


def _open_requests(wire: Replying, client: Client, attach: Attach, node: str) -> Link:
    if attach.role:
        return ReplyLink(wire, attach.handle, node, nodes.address_of(attach.target))

    def deliver(_: int, payload: bytes) -> None:
        request = read_request(payload)
        if node == nodes.MANAGEMENT:
            reply = describe(request, client.broker, lambda hub: _may_see(client, hub, request.security_token))
        else:
            grant, reply = put_token(request, client.broker, client.keys, time.time())
            if grant:
                client.admit(grant)
        wire.reply(node, request.reply_to, reply)

    return IncomingLink(wire, attach.handle, deliver, REQUEST_CREDIT)


def _may_see(client: Client, hub: str, token: str | None) -> bool:
    # The .NET SDK gives its token with each request and puts none. Of those who put one, the Python SDK asks for the
    # hub, the JavaScript one for its management node.
    name = hub.lower()
    if token is not None:
        audience = f"sb://{host_of(resource_of(token)) or wording.NAMESPACE}/{name}"
        return bool(verify(token, audience, client.keys, time.time()))
    return bool(client.grant_for((name,)) or client.grant_for((name, nodes.MANAGEMENT)))


def _open_publisher(wire: Wire, broker: Broker, attach: Attach, hub: Hub, partition: str | None) -> Link:
    number = None if partition is None else hub.partitions.index(hub.partition(partition))
    return IncomingLink(
        wire,
        attach.handle,
        lambda message_format, payload: broker.publish(hub, number, read_transfer(message_format, payload)),
        HUB_CREDIT if number is None else PARTITION_CREDIT,
    )


def _open_events(wire: Wire, times: Times, attach: Attach, hub: Hub, node: nodes.EventsNode) -> Link:
    if node.group not in hub.groups:
        address = f"sb://{wording.NAMESPACE}/{hub.name}/ConsumerGroups/{node.group}"
        raise AmqpError(Condition.NOT_FOUND, wording.no_such_entity(address, f"{hub.name}|{node.group}"))
    partition = hub.partition(node.partition)
    epoch, metrics = nodes.epoch_of(attach), nodes.wants_metrics(attach)
    consumer = Consumer(node.group, nodes.name_of(attach), epoch, metrics, times.stolen)
    link = EventLink(wire, attach.handle, partition, consumer)
    link.next = first_message(selector(nodes.filters_of(attach)), partition.log)
    partition.join(link)
    return link
