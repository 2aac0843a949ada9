"""One TCP connection: SASL, AMQP's open and close, heartbeats, and frames to their sessions."""

import asyncio
import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

from peers.eventhub import wording
from peers.eventhub.amqp import frames
from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.amqp.performatives import (
    Begin,
    Close,
    End,
    Open,
    Performative,
    SaslInit,
    SaslMechanisms,
    SaslOutcome,
    describe_error,
    unpack,
)
from peers.eventhub.amqp.types import Array, Symbol, UByte, UInt, UShort
from peers.eventhub.broker import Broker, DropConnection
from peers.eventhub.session import Session
from peers.eventhub.times import Times
from peers.eventhub.tokens import Grant, Grants, Keys

CHANNEL_MAX = 4_999
# .NET's only mechanism is the first. None but PLAIN proves anything: who the peer is comes later, by token.
_MECHANISMS = ("MSSBCBS", "PLAIN", "ANONYMOUS", "EXTERNAL")
_REFUSED = UByte(1)
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """What the connections of one server share."""

    broker: Broker
    keys: Keys
    times: Times = Times()
    connections: set["Connection"] = field(default_factory=set)


class Connection(asyncio.Protocol):
    """The server's end of a connection."""

    def __init__(self, service: Service) -> None:
        self.broker = service.broker
        self.keys = service.keys
        self.times = service.times
        self.container_id = ""
        self.is_python = False
        self.address = ""
        self.max_frame_size = frames.MIN_MAX_FRAME_SIZE
        self.writable = True
        self._service = service
        self._buffer = bytearray()
        self._headers = True
        self._open = False
        self._closed = False
        self.heard_last = 0.0
        self._name = f"{uuid4().hex}_G0"
        self._grants = Grants()
        self._sessions: dict[int, Session] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # -- asyncio's side --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self.address = str((transport.get_extra_info("peername") or [wording.NAMESPACE])[0])
        self._loop = asyncio.get_running_loop()
        self.heard_last = self._loop.time()
        self._service.connections.add(self)
        self.watch_silence()

    def data_received(self, data: bytes) -> None:
        """Acts on whatever is whole. Nothing a peer sends does more than end its own connection."""
        self.heard_last = self._loop.time()
        self._buffer += data
        try:
            while not self._closed and self._take():
                pass
        except DropConnection:
            self._transport.abort()
        except AmqpError as error:
            self.fail(error)
        except Exception:
            _logger.exception("A connection failed on this side.")
            self.fail(AmqpError(Condition.INTERNAL, "The server failed; its log says why."))

    def pause_writing(self) -> None:
        """The peer reads more slowly than is written."""
        self.writable = False

    def resume_writing(self) -> None:
        """The peer has caught up."""
        self.writable = True
        for session in self._sessions.values():
            session.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone, for whatever reason."""
        self._closed = True
        self._service.connections.discard(self)
        for timer in self._timers.values():
            timer.cancel()
        for session in self._sessions.values():
            session.close()
        self._sessions.clear()

    # -- the peer's side -------------------------------------------------------------------------------------

    def send(self, channel: int, performative: Performative) -> None:
        """Writes a frame."""
        self.write(frames.write_frame(channel, performative))

    def write(self, data: bytes) -> None:
        """Writes frames that are ready."""
        if data and not self._closed:
            self._transport.write(data)

    def admit(self, grant: Grant) -> None:
        """Remembers a grant, and looks again when it expires."""
        self._grants.add(grant)
        self._watch_grants()

    def grant_for(self, path: tuple[str, ...]) -> Grant | None:
        """A live grant that covers the node at `path`, if there is one."""
        return self._grants.cover(path, time.time())

    def fail(self, error: AmqpError) -> None:
        """Ends the connection with an error."""
        if self._open:
            self.send(0, Close(error=describe_error(error)))
        self._closed = True
        self._transport.close()

    def abort(self) -> None:
        """Ends the connection at once."""
        self._transport.abort()

    def _take(self) -> bool:
        """Acts on the header or the frame at the front of the buffer; False if neither is whole."""
        if self._headers:
            return self._take_header()
        frame = frames.take_frame(self._buffer)
        if frame is None:
            return False
        if frame.kind == frames.SASL:
            self._on_sasl(frame)
        elif frame.body:
            performative, payload = unpack(frame.body)
            self._on_performative(frame.channel, performative, payload)
        return True

    def _take_header(self) -> bool:
        if len(self._buffer) < 8:
            return False
        header = bytes(self._buffer[:8])
        del self._buffer[:8]
        if header not in (frames.SASL_HEADER, frames.AMQP_HEADER):
            # The answer to an unknown protocol is the one that is spoken here (AMQP 1.0 part 2, 2.2).
            self.write(frames.SASL_HEADER)
            raise AmqpError(Condition.FRAMING, "Only AMQP 1.0 is spoken here.")
        self._headers = False
        self.write(header)
        if header == frames.SASL_HEADER:
            mechanisms = SaslMechanisms(mechanisms=Array(map(Symbol, _MECHANISMS)))
            self.write(frames.write_frame(0, mechanisms, frames.SASL))
        return True

    def _on_sasl(self, frame: frames.Frame) -> None:
        performative, _ = unpack(frame.body)
        if self._open or not isinstance(performative, SaslInit):
            raise AmqpError(Condition.NOT_ALLOWED, "Only SASL's init is expected, and before open.")
        if not self._admits(performative):
            self.write(frames.write_frame(0, SaslOutcome(outcome=_REFUSED), frames.SASL))
            raise AmqpError(Condition.UNAUTHORIZED, "SASL failed.")
        self.write(frames.write_frame(0, SaslOutcome(outcome=UByte(0), additional_data=b"Welcome!"), frames.SASL))
        self._headers = True

    def _admits(self, init: SaslInit) -> bool:
        """Whether SASL succeeds; PLAIN with the policy's name and key opens everything."""
        if init.mechanism != "PLAIN":
            return init.mechanism in _MECHANISMS
        policy = self.keys.policy
        if (init.initial_response or b"").partition(b"\0")[2] != f"{policy.name}\0{policy.key}".encode():
            return False
        self._grants.add(Grant((), math.inf, policy.name))
        return True

    def _on_performative(self, channel: int, performative: Performative, payload: bytes) -> None:
        match performative:
            case Open() if not self._open:
                self._on_open(performative)
            case Close():
                self.send(0, Close())
                self._closed = True
                self._transport.close()
            case _ if not self._open or isinstance(performative, Open):
                raise AmqpError(Condition.NOT_ALLOWED, "A connection is opened first, and once.")
            case Begin():
                self._on_begin(channel, performative)
            case End():
                self._on_end(channel)
            case _ if channel in self._sessions:
                self._sessions[channel].receive(performative, payload)
            case _:
                pass  # The SDK still detaches its links after it has ended their session.

    def _on_open(self, opened: Open) -> None:
        self._open = True
        self.container_id = opened.container_id
        self.is_python = (opened.properties or {}).get("product") == "azsdk-python-eventhubs"
        wanted = opened.max_frame_size or frames.MAX_FRAME_SIZE
        self.max_frame_size = min(max(wanted, frames.MIN_MAX_FRAME_SIZE), frames.MAX_FRAME_SIZE)
        answer = Open(
            container_id=self._name,
            max_frame_size=UInt(frames.MAX_FRAME_SIZE),
            channel_max=UShort(CHANNEL_MAX),
            idle_time_out=UInt(round(self.times.idle * 500)) if self.times.idle else None,
        )
        self.send(0, answer)
        if opened.idle_time_out:
            self._beat(max(opened.idle_time_out / 2000, 0.01))

    def _on_begin(self, channel: int, begin: Begin) -> None:
        if channel in self._sessions or channel > CHANNEL_MAX:
            raise AmqpError(Condition.NOT_ALLOWED, f"A session cannot begin on channel {channel}.")
        used = {session.channel for session in self._sessions.values()}
        ours = next(number for number in count() if number not in used)
        self._sessions[channel] = Session(self, ours, channel, begin)

    def _on_end(self, channel: int) -> None:
        session = self._sessions.pop(channel, None)
        if session:
            session.end()

    # -- timers ----------------------------------------------------------------------------------------------

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self._loop.call_later(seconds, call)

    def _beat(self, seconds: float) -> None:
        self.write(frames.EMPTY)
        self._later("beat", seconds, lambda: self._beat(seconds))

    def watch_silence(self) -> None:
        """Ends the connection if its peer has been silent for too long; looks again when it will have been."""
        limit = self.times.idle
        if not limit:
            return
        silence = self._loop.time() - self.heard_last
        if silence >= limit:
            error = AmqpError(Condition.FORCED, wording.inactive(round(limit * 1000), self._name))
            for session in self._sessions.values():
                session.end(error)
            self.fail(error)
        else:
            self._later("silence", limit - silence, self.watch_silence)

    def _watch_grants(self) -> None:
        now = time.time()
        expiry = self._grants.next_expiry(now)
        if expiry is not None:
            self._later("grants", expiry - now + 0.01, self._watch_grants)
        for session in self._sessions.values():
            session.revoke()
