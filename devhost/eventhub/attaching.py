"""From an attach to a link: which node the peer wants, whether it may, and what the link does."""

import time
from typing import Protocol

from devhost.eventhub import nodes
from devhost.eventhub.amqp.error import AmqpError, Condition
from devhost.eventhub.amqp.performatives import Attach
from devhost.eventhub.broker import Broker, Hub
from devhost.eventhub.links import EventLink, IncomingLink, Link, ReplyLink, Wire
from devhost.eventhub.messages import read_transfer
from devhost.eventhub.positions import first_message, selector
from devhost.eventhub.requests import describe, put_token, read_request
from devhost.eventhub.tokens import Grant, SharedKey


class Client(Protocol):
    """The peer behind the links: what it may use, and of what."""

    broker: Broker
    key: SharedKey

    def admit(self, grant: Grant) -> None:
        """Remembers what the peer has proved it may use."""

    def allows(self, path: tuple[str, ...]) -> bool:
        """Whether the peer may use the node at `path`."""


class Replying(Wire, Protocol):
    """A session, as far as requests need it."""

    def reply(self, node: str, address: object, payload: bytes) -> None:
        """Answers a request on the link that leads from `node`."""


def open_link(wire: Replying, client: Client, attach: Attach, path: tuple[str, ...]) -> Link:
    """The link to the node at `path`. AmqpError if there is none or the peer may not use it."""
    node = nodes.node_of(path, reading=attach.role)
    if isinstance(node, nodes.RequestNode):
        return _open_requests(wire, client, attach, node.name)
    if not client.allows(path):
        raise AmqpError(Condition.UNAUTHORIZED, f"No valid token was given for {'/'.join(path)!r}.")
    hub = client.broker.hub(node.hub)
    if isinstance(node, nodes.PublishNode):
        return _open_publisher(wire, client.broker, attach, hub, node.partition)
    return _open_events(wire, attach, hub, node)


def _open_requests(wire: Replying, client: Client, attach: Attach, node: str) -> Link:
    if attach.role:
        return ReplyLink(wire, attach.handle, node, nodes.address_of(attach.target))

    def deliver(_: int, payload: bytes) -> None:
        request = read_request(payload)
        if node == nodes.MANAGEMENT:
            wire.reply(node, request.reply_to, describe(request, client.broker, lambda hub: _may_see(client, hub)))
            return
        grant, answer = put_token(request, client.key, time.time())
        if grant:
            client.admit(grant)
        wire.reply(node, request.reply_to, answer)

    return IncomingLink(wire, attach.handle, deliver)


def _may_see(client: Client, hub: str) -> bool:
    # The Python SDK asks for a token for the hub, the JavaScript one for its management node.
    name = hub.lower()
    return client.allows((name,)) or client.allows((name, nodes.MANAGEMENT))


def _open_publisher(wire: Wire, broker: Broker, attach: Attach, hub: Hub, partition: str | None) -> Link:
    number = None if partition is None else hub.partitions.index(hub.partition(partition))
    return IncomingLink(
        wire,
        attach.handle,
        lambda message_format, payload: broker.publish(hub, number, read_transfer(message_format, payload)),
    )


def _open_events(wire: Wire, attach: Attach, hub: Hub, node: nodes.EventsNode) -> Link:
    if node.group not in hub.groups:
        raise AmqpError(Condition.NOT_FOUND, f"Hub {hub.name} has no consumer group {node.group!r}.")
    partition = hub.partition(node.partition)
    epoch, metrics = nodes.epoch_of(attach), nodes.wants_metrics(attach)
    link = EventLink(wire, attach.handle, partition, node.group, epoch, metrics)
    link.next = first_message(selector(nodes.filters_of(attach)), partition.log)
    partition.join(link)
    return link
