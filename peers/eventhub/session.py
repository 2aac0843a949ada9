"""An AMQP session: its windows and its links."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import count
from typing import Protocol

from peers.eventhub import nodes
from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.amqp.frames import frames_needed, write_transfers
from peers.eventhub.amqp.performatives import (
    RELEASED,
    Attach,
    Begin,
    Detach,
    Disposition,
    End,
    Flow,
    Performative,
    Transfer,
    describe_error,
)
from peers.eventhub.amqp.types import Described, UInt, UShort
from peers.eventhub.answering import refusal
from peers.eventhub.attaching import Client, open_link
from peers.eventhub.links import IncomingLink, Link, ReplyLink

WINDOW = 65_536
INCOMING_WINDOW = 5_000
HANDLE_MAX = 255
_U32 = 0xFFFFFFFF


class Peer(Client, Protocol):
    """What a session needs of its connection."""

    max_frame_size: int
    writable: bool

    def send(self, channel: int, performative: Performative) -> None:
        """Writes a frame."""

    def write(self, data: bytes) -> None:
        """Writes frames that are ready."""


class Session:
    """One session of a connection. Each side numbers channels and links by itself: `channel` is this side's.

    Links are known by this side's handle, except in `_handles`, which leads from the peer's.
    """

    def __init__(self, peer: Peer, channel: int, remote_channel: int, begin: Begin) -> None:
        self._peer = peer
        self.channel = channel
        self._links: dict[int, Link] = {}
        self._handles: dict[int, int] = {}
        self._paths: dict[int, tuple[str, ...]] = {}
        self._unsettled: dict[int, asyncio.TimerHandle] = {}
        self._next_incoming = int(begin.next_outgoing_id)
        self._announced = self._next_incoming
        self._next_outgoing = 1
        self._acknowledged = 1
        self._next_delivery = 0
        self._window = int(begin.incoming_window)
        self._loop = asyncio.get_running_loop()
        self._echoing = self._loop.call_later(peer.times.echo, self._echo)
        peer.send(
            channel,
            Begin(
                remote_channel=UShort(remote_channel),
                next_outgoing_id=UInt(self._next_outgoing),
                incoming_window=UInt(INCOMING_WINDOW),
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
                self._on_disposition(performative)
            case _:
                raise AmqpError(Condition.NOT_ALLOWED, f"{type(performative).__name__} has no place in a session.")

    def wake(self) -> None:
        """The peer reads again: links may send."""
        for link in self._links.values():
            if not isinstance(link, IncomingLink):
                link.wake()

    def close(self) -> None:
        """Closes all links without a word to the peer."""
        self._echoing.cancel()
        for link in self._links.values():
            link.close()
        for timer in self._unsettled.values():
            timer.cancel()
        self._links.clear()
        self._unsettled.clear()

    def end(self, error: AmqpError | None = None) -> None:
        """Ends the session; with an error, each of its links first."""
        if error:
            for handle in list(self._links):
                self.detach(handle, error)
        self.close()
        self._peer.send(self.channel, End(error=describe_error(error) if error else None))

    def revoke(self) -> None:
        """Detaches the links whose token has expired."""
        for handle, path in list(self._paths.items()):
            if not self._peer.grant_for(path):
                self.detach(handle, AmqpError(Condition.UNAUTHORIZED, "The token has expired."))

    def _on_transfer(self, transfer: Transfer, payload: bytes) -> None:
        self._next_incoming = (self._next_incoming + 1) & _U32
        link = self._link(transfer.handle)
        if link:  # Frames for a link just detached are still under way.
            link.on_transfer(transfer, payload)
        if (self._next_incoming - self._announced) & _U32 >= INCOMING_WINDOW // 2:
            self._flow()

    def _on_flow(self, flow: Flow) -> None:
        # A peer that has not yet heard of this side's first number says 0.
        if flow.next_incoming_id and (flow.next_incoming_id - self._acknowledged) & _U32 <= _U32 // 2:
            self._acknowledged = int(flow.next_incoming_id)
        unseen = (self._next_outgoing - self._acknowledged) & _U32
        self._window = max(flow.incoming_window - unseen, 0)
        if flow.handle is None:
            self.wake()
            if flow.echo:
                self._flow()
        elif link := self._link(flow.handle):
            link.on_flow(flow)

    def _on_attach(self, attach: Attach) -> None:
        if attach.handle in self._handles or len(self._links) > HANDLE_MAX or attach.handle > HANDLE_MAX:
            raise AmqpError(Condition.HANDLE_IN_USE, f"Handle {attach.handle} cannot be attached.")
        path = nodes.path_wanted(attach)
        handle = next(number for number in count() if number not in self._links)
        ours = replace(attach, handle=UInt(handle))
        try:
            link, answer = open_link(self, self._peer, ours, path)
        except AmqpError as error:
            self._peer.send(self.channel, refusal(ours, to_python=self._peer.is_python))
            self.detach(handle, error)
            return
        self._links[handle], self._handles[attach.handle] = link, handle
        if path[-1] not in (nodes.CBS, nodes.MANAGEMENT):
            self._paths[handle] = path
        self._peer.send(self.channel, answer)
        link.start()

    def _on_detach(self, detach: Detach) -> None:
        handle = self._handles.get(detach.handle)
        if handle is not None:
            self._forget(handle)
            self._peer.send(self.channel, Detach(handle=UInt(handle), closed=detach.closed))

    def _on_disposition(self, disposition: Disposition) -> None:
        """The peer settles replies; events are sent settled."""
        last = disposition.first if disposition.last is None else disposition.last
        for number in [number for number in self._unsettled if disposition.first <= number <= last]:
            if disposition.role and disposition.settled:
                self._unsettled.pop(number).cancel()

    def _link(self, peers_handle: int) -> Link | None:
        handle = self._handles.get(peers_handle)
        return None if handle is None else self._links[handle]

    # -- links -----------------------------------------------------------------------------------------------

    def reply(self, node: str, address: object, payload: bytes) -> None:
        """Answers a request on the link that leads from `node`. AmqpError if the peer has attached none."""
        links = [link for link in self._links.values() if isinstance(link, ReplyLink) and link.node == node]
        # Not every client names its reply link, but one that has several does.
        named = [link for link in links if link.address == address]
        if not links:
            raise AmqpError(Condition.NOT_ALLOWED, f"There is no link to answer on: attach one from {node}.")
        (named or links)[-1].reply(payload)

    def _forget(self, handle: int) -> None:
        self._paths.pop(handle, None)
        self._handles = {theirs: ours for theirs, ours in self._handles.items() if ours != handle}
        if link := self._links.pop(handle, None):
            link.close()

    # -- to the peer -----------------------------------------------------------------------------------------

    def detach(self, handle: int, error: AmqpError) -> None:
        """Closes a link with an error."""
        self._forget(handle)
        self._peer.send(self.channel, Detach(handle=UInt(handle), closed=True, error=describe_error(error)))

    def settle(self, delivery_id: int, state: Described) -> None:
        """Tells the peer what became of its delivery."""
        disposition = Disposition(role=True, first=UInt(delivery_id), settled=True, state=state, batchable=False)
        self._peer.send(self.channel, disposition)

    def grant(self, handle: int, delivery_count: int, credit: int, available: int) -> None:
        """Tells the peer how many deliveries it may send."""
        self._flow(handle, delivery_count, credit, available=UInt(available))

    def exhaust(self, handle: int, delivery_count: int) -> None:
        """Tells the peer that a drain used up its credit."""
        self._flow(handle, delivery_count, 0, drain=True)

    def _flow(
        self,
        handle: int | None = None,
        delivery_count: int | None = None,
        credit: int | None = None,
        *,
        available: UInt | None = None,
        drain: bool = False,
        echo: bool = False,
    ) -> None:
        self._announced = self._next_incoming
        flow = Flow(
            next_incoming_id=UInt(self._next_incoming),
            incoming_window=UInt(INCOMING_WINDOW),
            next_outgoing_id=UInt(self._next_outgoing),
            outgoing_window=UInt(max(WINDOW - ((self._next_outgoing - self._acknowledged) & _U32), 0)),
            handle=None if handle is None else UInt(handle),
            delivery_count=None if delivery_count is None else UInt(delivery_count),
            link_credit=None if credit is None else UInt(credit),
            available=available,
            drain=drain,
            echo=echo,
        )
        self._peer.send(self.channel, flow)

    def _echo(self) -> None:
        self._flow(echo=True)
        self._echoing = self._loop.call_later(self._peer.times.echo, self._echo)

    def send(self, handle: int, payloads: list[bytes], tags: Sequence[bytes] = ()) -> int:
        """Sends as many of the payloads as the peer's window admits, settled if they have no tags; returns how many."""
        written: list[bytes] = []
        limit, sent = self._peer.max_frame_size, 0
        for payload in payloads:
            if frames_needed(len(payload), limit) > self._window:
                break
            tag = tags[sent] if tags else b""
            parts = write_transfers(self.channel, handle, self._next_delivery, payload, limit, tag)
            if tag:
                self._await_settlement(self._next_delivery)
            written += parts
            frames = len(parts) // 2
            self._window -= frames
            self._next_outgoing = (self._next_outgoing + frames) & _U32
            self._next_delivery = (self._next_delivery + 1) & _U32
            sent += 1
        self._peer.write(b"".join(written))
        return sent

    def _await_settlement(self, delivery: int) -> None:
        self._unsettled[delivery] = self._loop.call_later(self._peer.times.reply, self._settle_reply, delivery)

    def _settle_reply(self, delivery: int) -> None:
        del self._unsettled[delivery]
        disposition = Disposition(role=False, first=UInt(delivery), settled=True, state=RELEASED, batchable=False)
        self._peer.send(self.channel, disposition)
