"""A bare AMQP client in memory: it says exactly what a test wants said, without a socket."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace

from azure.eventhub._pyamqp.utils import generate_sas_token

from peers.eventhub.amqp import frames
from peers.eventhub.amqp.encoding import encode
from peers.eventhub.amqp.performatives import (
    SOURCE,
    TARGET,
    Attach,
    Begin,
    Flow,
    Open,
    Performative,
    SaslInit,
    Transfer,
    pack,
    unpack,
)
from peers.eventhub.amqp.types import Described, Symbol, UInt, ULong
from peers.eventhub.broker import Broker
from peers.eventhub.connection import Connection, Service
from peers.eventhub.times import Times
from peers.eventhub.tokens import Keys
from tests.peers.eventhub.conftest import HUBS, IDENTITY, KEY, TIMES

SASL = (
    frames.SASL_HEADER
    + frames.write_frame(0, SaslInit(mechanism=Symbol("ANONYMOUS")), frames.SASL)
    + frames.AMQP_HEADER
)
BEGIN = frames.write_frame(0, Begin(next_outgoing_id=UInt(0), incoming_window=UInt(100), outgoing_window=UInt(100)))


class FakeTransport(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = bytearray()
        self.closed = False
        self.changed = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += data
        self.changed.set()

    def close(self) -> None:
        self.closed = True
        self.changed.set()

    def abort(self) -> None:
        self.close()

    async def until(self, condition: Callable[[], bool]) -> None:
        """Waits for what is written or closed to fulfil the condition; five seconds at most."""
        async with asyncio.timeout(5):
            while not condition():
                self.changed.clear()
                await self.changed.wait()


class Wire:
    """One connection to a service of its own; use it inside a running event loop, and close it."""

    def __init__(self, service: Service | None = None, times: Times = TIMES) -> None:
        self.service = service or Service(Broker(HUBS), Keys(KEY, IDENTITY), times)
        self._owner = service is None
        self._handles: dict[int, UInt] = {}
        self.transport = FakeTransport()
        self.connection = Connection(self.service)
        self.connection.connection_made(self.transport)

    def feed(self, data: bytes) -> None:
        self.connection.data_received(data)

    def say(self, performative: Performative, payload: bytes = b"") -> None:
        body = pack(performative) + payload
        self.feed((8 + len(body)).to_bytes(4) + b"\x02\0\0\0" + body)

    def open(self, **fields: object) -> None:
        self.feed(SASL + frames.write_frame(0, Open(container_id="test", **fields)) + BEGIN)  # type: ignore[arg-type]

    def attach(self, handle: int, address: str, *, reading: bool, **fields: object) -> None:
        source = Described(ULong(SOURCE), [address if reading else "here"])
        target = Described(ULong(TARGET), ["here" if reading else address])
        self.say(
            Attach(name=f"link-{handle}", handle=UInt(handle), role=reading, source=source, target=target, **fields)
        )  # type: ignore[arg-type]

    def allow(self, audience: str = "sb://localhost/", seconds: float = 60) -> None:
        """Goes through claims-based security; handles 100 and 101."""
        self.attach(100, "$cbs", reading=True)
        self.attach(101, "$cbs", reading=False)
        self.put_token(audience, seconds)

    def put_token(self, audience: str, seconds: float) -> None:
        token = signature(audience, seconds=seconds)
        properties = {"operation": "put-token", "type": "servicebus.windows.net:sastoken", "name": audience}
        self.transfer(101, section(0x74, properties) + section(0x77, token))

    def transfer(self, handle: int, payload: bytes, delivery: int = 0, **fields: object) -> None:
        self.say(Transfer(handle=UInt(handle), delivery_id=UInt(delivery), **fields), payload)  # type: ignore[arg-type]

    def credit(
        self, handle: int, credit: int, count: int = 0, window: int = 100, seen: int = 0, *, drain: bool = False
    ) -> None:
        flow = Flow(
            next_incoming_id=UInt(seen + 1),
            incoming_window=UInt(window),
            next_outgoing_id=UInt(0),
            outgoing_window=UInt(1),
            handle=UInt(handle),
            delivery_count=UInt(count),
            link_credit=UInt(credit),
            drain=drain,
        )
        self.say(flow)

    async def frames(self) -> list[frames.Frame]:
        """All frames since the last call, heartbeats left out."""
        for _ in range(20):
            await asyncio.sleep(0)
        written, self.transport.written = self.transport.written, bytearray()
        found = []
        while written:
            if written.startswith(b"AMQP"):
                del written[:8]
            elif (frame := frames.take_frame(written)) and frame.body:
                found.append(frame)
        return found

    async def heard(self) -> list[tuple[Performative, bytes]]:
        """What the frames say, with the handles of this side."""
        found = []
        for frame in await self.frames():
            performative, payload = unpack(frame.body)
            if isinstance(performative, Attach):
                self._handles[performative.handle] = UInt(performative.name.partition("-")[2])
            if (handle := getattr(performative, "handle", None)) is not None:
                performative = replace(performative, handle=self._handles[handle])  # type: ignore[call-arg]
            found.append((performative, payload))
        return found

    async def heard_of[T: Performative](self, kind: type[T]) -> list[T]:
        return [performative for performative, _ in await self.heard() if isinstance(performative, kind)]

    def close(self) -> None:
        self.connection.connection_lost(None)
        if self._owner:
            self.service.broker.close()


def signature(resource: str, name: str = KEY.name, key: str = KEY.key, seconds: float = 60) -> str:
    """A shared access signature by the SDK itself."""
    signed: str = generate_sas_token(resource, name, key, int(time.time() + seconds))
    return signed


def section(code: int, value: object) -> bytes:
    return encode(Described(ULong(code), value))


EVENT = section(0x75, b"event")
