"""An AMQP session: its windows and its links."""

from typing import Protocol

from devhost.eventhub import nodes
from devhost.eventhub.amqp.error import AmqpError, Condition
from devhost.eventhub.amqp.frames import frames_needed, write_transfers
from devhost.eventhub.amqp.performatives import (
    SOURCE,
    TARGET,
    Attach,
    Begin,
    Detach,
    Disposition,
    Flow,
    Performative,
    Transfer,
    describe_error,
)
from devhost.eventhub.amqp.types import Described, UByte, UInt, ULong, UShort
from devhost.eventhub.attaching import Client, open_link
from devhost.eventhub.links import MAX_MESSAGE_SIZE, IncomingLink, Link, ReplyLink

WINDOW = 65_536
HANDLE_MAX = 1_023
_U32 = 0xFFFFFFFF
_SETTLED = UByte(1)


class Peer(Client, Protocol):
    """What a session needs of its connection."""

    max_frame_size: int
    writable: bool

    def send(self, channel: int, performative: Performative) -> None:
        """Writes a frame."""

    def write(self, data: bytes) -> None:
        """Writes frames that are ready."""


class Session:
    """One session of a connection. Both sides use the same channel and handle numbers, the peer's."""

    def __init__(self, peer: Peer, channel: int, begin: Begin) -> None:
        self._peer = peer
        self._channel = channel
        self._links: dict[int, Link] = {}
        self._paths: dict[int, tuple[str, ...]] = {}
        self._next_incoming = int(begin.next_outgoing_id)
        self._next_outgoing = 0
        self._next_delivery = 0
        self._window = int(begin.incoming_window)
        peer.send(
            channel,
            Begin(
                remote_channel=UShort(channel),
                next_outgoing_id=UInt(0),
                incoming_window=UInt(WINDOW),
                outgoing_window=UInt(WINDOW),
                handle_max=UInt(HANDLE_MAX),
            ),
        )

    @property
    def writable(self) -> bool:
        """Whether the peer keeps up with what was written."""
        return self._peer.writable

    # -- from the peer ---------------------------------------------------------------------------------------

    def receive(self, performative: Performative, payload: bytes) -> None:
        """Acts on a frame of this session. AmqpError ends the connection."""
        match performative:
            case Transfer():
                self._on_transfer(performative, payload)
            case Flow():
                self._on_flow(performative)
            case Attach():
                self._on_attach(performative)
            case Detach():
                self._on_detach(performative)
            case Disposition():
                pass  # Everything is sent settled: nothing is left to be said about it.
            case _:
                raise AmqpError(Condition.NOT_ALLOWED, f"{type(performative).__name__} has no place in a session.")

    def wake(self) -> None:
        """The peer reads again: links may send."""
        for link in self._links.values():
            if not isinstance(link, IncomingLink):
                link.wake()

    def close(self) -> None:
        """Closes all links without a word to the peer."""
        for link in self._links.values():
            link.close()
        self._links.clear()

    def revoke(self) -> None:
        """Detaches the links whose token has expired."""
        for handle, path in list(self._paths.items()):
            if not self._peer.allows(path):
                self.detach(handle, AmqpError(Condition.UNAUTHORIZED, "The token has expired."))

    def _on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        self._next_incoming = (self._next_incoming + 1) & _U32
        link = self._links.get(transfer.handle)
        if link:  # Frames for a link just detached are still under way.
            link.on_transfer(transfer, payload)

    def _on_flow(self, flow: Flow) -> None:
        seen = flow.next_incoming_id or 0
        self._window = max(flow.incoming_window - ((self._next_outgoing - seen) & _U32), 0)
        if flow.handle is None:
            self.wake()
        elif flow.handle in self._links:
            self._links[flow.handle].on_flow(flow)

    def _on_attach(self, attach: Attach) -> None:
        if attach.handle in self._links or attach.handle > HANDLE_MAX:
            raise AmqpError(Condition.HANDLE_IN_USE, f"Handle {attach.handle} cannot be attached.")
        path = nodes.path_wanted(attach)
        try:
            link = open_link(self, self._peer, attach, path)
        except AmqpError as error:
            self._answer_attach(attach)
            self.detach(attach.handle, error)
            return
        self._links[attach.handle] = link
        if path[-1] not in (nodes.CBS, nodes.MANAGEMENT):
            self._paths[attach.handle] = path
        self._answer_attach(attach)
        link.start()

    def _on_detach(self, detach: Detach) -> None:
        link = self._forget(detach.handle)
        if link:
            self._peer.send(self._channel, Detach(handle=detach.handle, closed=detach.closed))

    # -- links -----------------------------------------------------------------------------------------------

    def reply(self, node: str, address: object, payload: bytes) -> None:
        """Answers a request on the link that leads from `node`. AmqpError if the peer has attached none."""
        links = [link for link in self._links.values() if isinstance(link, ReplyLink) and link.node == node]
        # Not every client names its reply link, but one that has several does.
        named = [link for link in links if link.address == address]
        if not links:
            raise AmqpError(Condition.NOT_ALLOWED, f"There is no link to answer on: attach one from {node}.")
        (named or links)[-1].reply(payload)

    def _answer_attach(self, attach: Attach) -> None:
        source = attach.source or Described(ULong(SOURCE), [None] * 11)
        target = attach.target or Described(ULong(TARGET), [None] * 7)
        answer = Attach(
            name=attach.name,
            handle=attach.handle,
            role=not attach.role,
            snd_settle_mode=_SETTLED if attach.role else attach.snd_settle_mode,
            rcv_settle_mode=attach.rcv_settle_mode,
            source=source,
            target=target,
            initial_delivery_count=UInt(0) if attach.role else None,
            max_message_size=ULong(MAX_MESSAGE_SIZE),
        )
        self._peer.send(self._channel, answer)

    def _forget(self, handle: int) -> Link | None:
        self._paths.pop(handle, None)
        link = self._links.pop(handle, None)
        if link:
            link.close()
        return link

    # -- to the peer -----------------------------------------------------------------------------------------

    def detach(self, handle: int, error: AmqpError) -> None:
        """Closes a link with an error."""
        self._forget(handle)
        self._peer.send(self._channel, Detach(handle=UInt(handle), closed=True, error=describe_error(error)))

    def settle(self, delivery_id: int, state: Described) -> None:
        """Tells the peer what became of its delivery."""
        number = UInt(delivery_id)
        self._peer.send(self._channel, Disposition(role=True, first=number, last=number, settled=True, state=state))

    def grant(self, handle: int, delivery_count: int, credit: int) -> None:
        """Tells the peer how many deliveries it may send."""
        self._flow(handle, delivery_count, credit)

    def exhaust(self, handle: int, delivery_count: int) -> None:
        """Tells the peer that a drain used up its credit."""
        self._flow(handle, delivery_count, 0, drain=True)

    def _flow(self, handle: int, delivery_count: int, credit: int, *, drain: bool = False) -> None:
        flow = Flow(
            next_incoming_id=UInt(self._next_incoming),
            incoming_window=UInt(WINDOW),
            next_outgoing_id=UInt(self._next_outgoing),
            outgoing_window=UInt(WINDOW),
            handle=UInt(handle),
            delivery_count=UInt(delivery_count),
            link_credit=UInt(credit),
            drain=drain,
        )
        self._peer.send(self._channel, flow)

    def send(self, handle: int, payloads: list[bytes]) -> int:
        """Sends as many of the payloads, settled, as the peer's window admits; returns their number."""
        frames: list[bytes] = []
        limit, sent = self._peer.max_frame_size, 0
        for payload in payloads:
            need = frames_needed(len(payload), limit)
            if need > self._window:
                break
            frames += write_transfers(self._channel, handle, self._next_delivery, payload, limit)
            self._window -= need
            self._next_outgoing = (self._next_outgoing + need) & _U32
            self._next_delivery = (self._next_delivery + 1) & _U32
            sent += 1
        self._peer.write(b"".join(frames))
        return sent
