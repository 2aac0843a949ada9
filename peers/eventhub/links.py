"""The two directions of an AMQP link: one takes deliveries under a credit it grants, one sends them under credit."""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.amqp.performatives import ACCEPTED, Flow, Transfer, rejected
from peers.eventhub.amqp.types import Described
from peers.eventhub.broker import Partition, now_ms
from peers.eventhub.messages import runtime_annotations

MAX_MESSAGE_SIZE = 1_048_576
_CHUNK_MESSAGES = 500
_CHUNK_BYTES = 1 << 20
_U32 = 0xFFFFFFFF


class Wire(Protocol):
    """What a link needs of its session."""

    @property
    def writable(self) -> bool:
        """Whether the peer keeps up with what was written."""

    def grant(self, handle: int, delivery_count: int, credit: int, available: int) -> None:
        """Tells the peer how many deliveries it may send; `available` is what the service writes there."""

    def settle(self, delivery_id: int, state: Described) -> None:
        """Tells the peer what became of its delivery."""

    def exhaust(self, handle: int, delivery_count: int) -> None:
        """Tells the peer that its credit is used up by a drain."""

    def send(self, handle: int, payloads: list[bytes], tags: Sequence[bytes] = ()) -> int:
        """Sends as many of the payloads as the peer's window admits, settled if they have no tags; returns how many."""

    def detach(self, handle: int, error: AmqpError) -> None:
        """Closes the link with an error."""


@dataclass(frozen=True, slots=True)
class Credit:
    """How many deliveries a peer may send, and after how many it may again send as many."""

    full: int
    again_after: int


HUB_CREDIT = Credit(300, 100)
# When these are given again was not seen.
PARTITION_CREDIT = Credit(1_000, 500)
REQUEST_CREDIT = Credit(100, 50)


class IncomingLink:
    """Takes deliveries and hands each to `deliver`, which refuses one by raising AmqpError."""

    def __init__(self, wire: Wire, handle: int, deliver: Callable[[int, bytes], None], credit: Credit) -> None:
        self._wire = wire
        self._terms = credit
        self._handle = handle
        self._deliver = deliver
        self._parts: list[bytes] = []
        self._size = 0
        self._first: Transfer | None = None
        self._delivery_count = 0
        self._credit = 0

    def start(self) -> None:
        """The link is attached."""
        self._credit = self._terms.full
        self._wire.grant(self._handle, self._delivery_count, self._credit, 0)

    def on_flow(self, flow: Flow) -> None:
        """The peer reports its state, and may want ours."""
        if flow.echo:
            self._wire.grant(self._handle, self._delivery_count, self._credit, _U32)

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """One frame of a delivery."""
        self._first = self._first or transfer
        self._parts.append(payload)
        self._size += len(payload)
        if self._size > MAX_MESSAGE_SIZE:
            description = f"A message may have {MAX_MESSAGE_SIZE} bytes, this one has more."
            self._wire.detach(self._handle, AmqpError(Condition.TOO_LARGE, description))
        elif transfer.aborted or not transfer.more:
            self._finish(self._first, aborted=bool(transfer.aborted))

    def close(self) -> None:
        """The link is gone."""
        self._parts.clear()

    def _finish(self, first: Transfer, *, aborted: bool) -> None:
        payload = b"".join(self._parts)
        self._parts, self._size, self._first = [], 0, None
        self._delivery_count = (self._delivery_count + 1) & _U32
        self._credit -= 1
        if not aborted:
            state = self._outcome(first.message_format or 0, payload)
            if not first.settled:
                self._wire.settle(first.delivery_id or 0, state)
        self._top_up()

    def _outcome(self, message_format: int, payload: bytes) -> Described:
        try:
            self._deliver(message_format, payload)
        except AmqpError as error:
            return rejected(error)
        return ACCEPTED

    def _top_up(self) -> None:
        if self._terms.full - self._credit >= self._terms.again_after:
            self._credit = self._terms.full
            self._wire.grant(self._handle, self._delivery_count, self._credit, _U32)


class OutgoingLink:
    """Sends what `_peek` offers, as credit, window and socket allow."""

    def __init__(self, wire: Wire, handle: int) -> None:
        self._wire = wire
        self._handle = handle
        self._delivery_count = 0
        self._credit = 0
        self._drain = False
        self._pump: asyncio.Handle | None = None

    def start(self) -> None:
        """The link is attached; it waits for credit."""

    def on_flow(self, flow: Flow) -> None:
        """The peer grants credit."""
        if flow.link_credit is not None:
            spent = self._delivery_count - (flow.delivery_count or 0)
            self._credit = max(flow.link_credit - (spent & _U32), 0)
            self._drain = bool(flow.drain)
        self.wake()

    def on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        """A transfer against the direction of the link."""
        raise AmqpError(Condition.NOT_ALLOWED, "This link does not take transfers.")

    def wake(self) -> None:
        """Something changed: sends, soon, whatever can be sent."""
        if not self._pump:
            self._pump = asyncio.get_running_loop().call_soon(self._send)

    def close(self) -> None:
        """The link is gone."""
        if self._pump:
            self._pump.cancel()

    def _send(self) -> None:
        self._pump = None
        if not self._credit or not self._wire.writable:
            return
        payloads = self._peek(min(self._credit, _CHUNK_MESSAGES))
        sent = self._wire.send(self._handle, payloads, self._tags(len(payloads)))
        self._advance(sent)
        self._credit -= sent
        self._delivery_count = (self._delivery_count + sent) & _U32
        if sent:
            self.wake()
        elif self._drain and not payloads:
            self._give_up_credit()

    def _give_up_credit(self) -> None:
        self._delivery_count = (self._delivery_count + self._credit) & _U32
        self._credit, self._drain = 0, False
        self._wire.exhaust(self._handle, self._delivery_count)

    def _peek(self, count: int) -> list[bytes]:
        raise NotImplementedError

    def _tags(self, count: int) -> Sequence[bytes]:
        """The tags of the next deliveries where the peer is to settle them."""
        return ()

    def _advance(self, count: int) -> None:
        raise NotImplementedError


class ReplyLink(OutgoingLink):
    """Carries the replies of a request-response node, which its peer settles."""

    def __init__(self, wire: Wire, handle: int, node: str, address: object) -> None:
        super().__init__(wire, handle)
        self.node = node
        self.address = address
        self._replies: deque[bytes] = deque()

    def reply(self, payload: bytes) -> None:
        """Sends an encoded message as soon as there is credit."""
        self._replies.append(payload)
        self.wake()

    def _peek(self, count: int) -> list[bytes]:
        return list(self._replies)[:count]

    def _tags(self, count: int) -> Sequence[bytes]:
        return [((self._delivery_count + number) & _U32).to_bytes(4, "little") for number in range(1, count + 1)]

    def _advance(self, count: int) -> None:
        for _ in range(count):
            self._replies.popleft()


@dataclass(frozen=True, slots=True)
class Consumer:
    """Who reads: its group and name, its epoch, whether it wants to hear how far the partition has grown, and how many
    seconds it stays when it is taken over.
    """

    group: str
    name: str
    epoch: int | None
    metrics: bool
    patience: float


class EventLink(OutgoingLink):
    """Carries a partition's events to one consumer."""

    def __init__(self, wire: Wire, handle: int, partition: Partition, consumer: Consumer) -> None:
        super().__init__(wire, handle)
        self.group = consumer.group
        self.name = consumer.name
        self.epoch = consumer.epoch
        self.leaving = False
        self.next = 0
        self._partition = partition
        self._metrics = consumer.metrics
        self._patience = consumer.patience
        self._stealing: asyncio.TimerHandle | None = None

    def steal(self, description: str) -> None:
        """A consumer with the same or a higher owner level has taken over: both read on for a while."""
        self.leaving = True
        error = AmqpError(Condition.STOLEN, description)
        loop = asyncio.get_running_loop()
        self._stealing = loop.call_later(self._patience, self._wire.detach, self._handle, error)

    def close(self) -> None:
        """The link is gone."""
        super().close()
        if self._stealing:
            self._stealing.cancel()
        self._partition.leave(self)

    def _peek(self, count: int) -> list[bytes]:
        log = self._partition.log
        payloads = log.read(self.next, count, _CHUNK_BYTES)
        if self._metrics and payloads:
            head = runtime_annotations(len(log) - 1, log.last_offset, log.last_time, now_ms())
            return [head + payload for payload in payloads]
        return payloads

    def _advance(self, count: int) -> None:
        self.next += count


type Link = IncomingLink | OutgoingLink
