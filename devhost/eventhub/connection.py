"""One TCP connection: SASL, AMQP's open and close, heartbeats, and frames to their sessions."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from devhost.eventhub.amqp import frames
from devhost.eventhub.amqp.error import AmqpError, Condition
from devhost.eventhub.amqp.performatives import (
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
from devhost.eventhub.amqp.types import Array, Symbol, UByte, UInt, UShort
from devhost.eventhub.broker import Broker, DropConnection
from devhost.eventhub.session import Session
from devhost.eventhub.tokens import Grant, Grants, SharedKey

CHANNEL_MAX = 255
_logger = logging.getLogger(__name__)


@dataclass(slots=True)
class Service:
    """What the connections of one server share. `idle_timeout_ms` of 0 never ends a silent connection."""

    broker: Broker
    key: SharedKey
    idle_timeout_ms: int
    connections: set["Connection"] = field(default_factory=set)


class Connection(asyncio.Protocol):
    """The server's end of a connection."""

    def __init__(self, service: Service) -> None:
        self.broker = service.broker
        self.key = service.key
        self.max_frame_size = frames.MIN_MAX_FRAME_SIZE
        self.writable = True
        self._service = service
        self._buffer = bytearray()
        self._headers = True
        self._open = False
        self._closed = False
        self._heard = 0.0
        self._grants = Grants()
        self._sessions: dict[int, Session] = {}
        self._timers: dict[str, asyncio.TimerHandle] = {}

    # -- asyncio's side --------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer has connected."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._service.connections.add(self)
        self._watch_silence()

    def data_received(self, data: bytes) -> None:
        """Acts on whatever is whole. Nothing a peer sends does more than end its own connection."""
        self._heard = self._loop.time()
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

    def allows(self, path: tuple[str, ...]) -> bool:
        """Whether a live grant covers the node at `path`."""
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
            mechanisms = SaslMechanisms(mechanisms=Array([Symbol("ANONYMOUS"), Symbol("EXTERNAL")]))
            self.write(frames.write_frame(0, mechanisms, frames.SASL))
        return True

    def _on_sasl(self, frame: frames.Frame) -> None:
        performative, _ = unpack(frame.body)
        if self._open or not isinstance(performative, SaslInit):
            raise AmqpError(Condition.NOT_ALLOWED, "Only SASL's init is expected, and before open.")
        # Who the peer is comes later, by token.
        self.write(frames.write_frame(0, SaslOutcome(outcome=UByte(0)), frames.SASL))
        self._headers = True

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
        wanted = opened.max_frame_size or frames.MAX_FRAME_SIZE
        self.max_frame_size = min(max(wanted, frames.MIN_MAX_FRAME_SIZE), frames.MAX_FRAME_SIZE)
        answer = Open(
            container_id="tally-eventhub",
            max_frame_size=UInt(frames.MAX_FRAME_SIZE),
            channel_max=UShort(CHANNEL_MAX),
            idle_time_out=UInt(self._service.idle_timeout_ms) if self._service.idle_timeout_ms else None,
        )
        self.send(0, answer)
        if opened.idle_time_out:
            self._beat(max(opened.idle_time_out / 2000, 0.01))

    def _on_begin(self, channel: int, begin: Begin) -> None:
        if channel in self._sessions or channel > CHANNEL_MAX:
            raise AmqpError(Condition.NOT_ALLOWED, f"A session cannot begin on channel {channel}.")
        self._sessions[channel] = Session(self, channel, begin)

    def _on_end(self, channel: int) -> None:
        session = self._sessions.pop(channel, None)
        if session:
            session.close()
            self.send(channel, End())

    # -- timers ----------------------------------------------------------------------------------------------

    def _later(self, name: str, seconds: float, call: Callable[[], None]) -> None:
        if name in self._timers:
            self._timers[name].cancel()
        self._timers[name] = self._loop.call_later(seconds, call)

    def _beat(self, seconds: float) -> None:
        self.write(frames.EMPTY)
        self._later("beat", seconds, lambda: self._beat(seconds))

    def _watch_silence(self) -> None:
        limit = self._service.idle_timeout_ms / 1000
        if not limit:
            return
        silence = self._loop.time() - self._heard
        if silence >= limit:
            self.fail(AmqpError(Condition.FORCED, f"Nothing was heard for {limit:g} s."))
        else:
            self._later("silence", limit - silence, self._watch_silence)

    def _watch_grants(self) -> None:
        now = time.time()
        expiry = self._grants.next_expiry(now)
        if expiry is not None:
            self._later("grants", expiry - now + 0.01, self._watch_grants)
        for session in self._sessions.values():
            session.revoke()
