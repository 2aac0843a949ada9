"""The answer to an attach, field by field as Event Hubs gives it."""

from dataclasses import replace
from uuid import uuid4

from peers.eventhub import nodes
from peers.eventhub.amqp.performatives import SOURCE, TARGET, Attach
from peers.eventhub.amqp.types import Described, Int, Symbol, UByte, UInt, ULong
from peers.eventhub.links import MAX_MESSAGE_SIZE
from peers.eventhub.tokens import Grant

_UNLIMITED = ULong(2**64 - 1)
_FIRST, _SETTLED = UByte(0), UByte(1)
_TIMEOUT_MS = UInt(65_000)
_SELECTOR_FILTER = ULong(0x13_7000_000A)


def answer(attach: Attach) -> Attach:
    """The answer to an attach to a request-response node; `attach` has the handle of this side."""
    return Attach(
        name=attach.name,
        handle=attach.handle,
        role=not attach.role,
        snd_settle_mode=attach.snd_settle_mode,
        rcv_settle_mode=attach.rcv_settle_mode,
        source=attach.source or Described(ULong(SOURCE), [None] * 11),
        target=attach.target or Described(ULong(TARGET), [None] * 7),
        initial_delivery_count=UInt(0) if attach.role else None,
        max_message_size=attach.max_message_size or _UNLIMITED,
    )


def sender_answer(attach: Attach, properties: dict[object, object] | None) -> Attach:
    """The same for a peer that sends events."""
    size = ULong(min(attach.max_message_size or MAX_MESSAGE_SIZE, MAX_MESSAGE_SIZE))
    return replace(answer(attach), rcv_settle_mode=_FIRST, max_message_size=size, properties=properties)


def receiver_answer(attach: Attach, properties: dict[object, object] | None) -> Attach:
    """The same for a peer that reads events: it gets them settled."""
    answered = answer(attach)
    return replace(answered, snd_settle_mode=_SETTLED, source=_source(answered.source), properties=properties)


def refusal(attach: Attach, *, to_python: bool) -> Attach:
    """The answer that a detach with the reason follows (AMQP 1.0 part 2, 2.6.3): it has neither source nor target.

    The .NET SDK takes the link for open otherwise. The Python SDK (azure-eventhub 5.15.1) drops the reason unheard
    unless it takes the link for open, and what Azure answers it is not recorded.
    """
    return answer(attach) if to_python else replace(answer(attach), source=None, target=None)


def link_properties(
    attach: Attach, node: nodes.PublishNode | nodes.EventsNode, grant: Grant, container_id: str, address: str
) -> dict[object, object] | None:
    """What the service tells of a link; only a peer that tells something itself hears it."""
    if not attach.properties:
        return None
    if isinstance(node, nodes.PublishNode) and node.partition is None:
        return attach.properties | {Symbol("com.microsoft:tracking-id"): f"{uuid4().hex.upper()}_G0"}
    kind, number = grant.kind.value
    told: dict[str, object] = {"com.microsoft:timeout": _TIMEOUT_MS, "client-id": container_id}
    told |= {"auth-type": kind, "app-id": grant.holder}
    if isinstance(node, nodes.EventsNode):
        told |= {name: value for name, value in attach.properties.items() if name == nodes.EPOCH}
        told |= {"client-ip": address, "client-network-type": Int(1)}
        told |= {"client-auth-type": Int(number), "client-auth-id": grant.holder}
    return {Symbol(name): value for name, value in told.items()}


def _source(source: Described | None) -> Described | None:
    """The source with its selector under the descriptor that the service gives it, a number."""
    fields = list(source.value) if source and isinstance(source.value, list) else []
    filters = fields[nodes.FILTER_FIELD] if len(fields) > nodes.FILTER_FIELD else None
    if not source or not isinstance(filters, dict):
        return source
    fields[nodes.FILTER_FIELD] = {
        name: Described(_SELECTOR_FILTER, held.value) if isinstance(held, Described) else held
        for name, held in filters.items()
    }
    return Described(source.descriptor, fields)
