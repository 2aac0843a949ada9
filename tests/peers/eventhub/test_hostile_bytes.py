"""Whatever a peer sends, the server stays, and blames the peer, not itself."""

import asyncio
import socket
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peers.eventhub.amqp import performatives
from peers.eventhub.amqp.encoding import encode
from peers.eventhub.amqp.types import Described, Symbol, UInt, ULong
from peers.eventhub.broker import Broker
from peers.eventhub.connection import Service
from peers.eventhub.server import Server
from peers.eventhub.tokens import Keys
from tests.peers.eventhub.clients import send, stored
from tests.peers.eventhub.conftest import HUBS, IDENTITY, KEY, TIMES
from tests.peers.eventhub.test_types import VALUES
from tests.peers.eventhub.wire import Wire

CODES = st.sampled_from([kind.code for kind in performatives.Performative.__subclasses__()])
HANDLES = st.integers(0, 4).map(UInt)
FIELDS = st.one_of(VALUES, HANDLES, st.booleans(), st.sampled_from(["single", "$cbs", Symbol("x")]))
BODIES = st.one_of(
    st.binary(max_size=60),
    st.builds(lambda code, values: encode(Described(ULong(code), values)), CODES, st.lists(FIELDS, max_size=14)),
    st.builds(
        lambda handle, payload: encode(Described(ULong(0x14), [handle, UInt(0)])) + payload,
        HANDLES,
        st.binary(max_size=60),
    ),
    st.builds(
        lambda handle, values: encode(Described(ULong(0x13), [None, UInt(1), UInt(0), UInt(0), handle, *values])),
        HANDLES,
        st.lists(st.integers(0, 2**32 - 1).map(UInt), max_size=3),
    ),
)
CHANNELS = st.integers(0, 2)


def frame(body: bytes, channel: int) -> bytes:
    return (8 + len(body)).to_bytes(4) + b"\x02\x00" + channel.to_bytes(2) + body


STREAMS = st.lists(st.one_of(st.builds(frame, BODIES, CHANNELS), st.binary(max_size=30)), max_size=12)


@pytest.fixture(scope="module")
def service() -> Iterator[Service]:
    service = Service(Broker(HUBS), Keys(KEY, IDENTITY), TIMES)
    yield service
    service.broker.close()


async def feed(service: Service, stage: int, stream: list[bytes]) -> bytes:
    """What the server answers to a stream that follows a greeting, an open session, or attached links."""
    wire = Wire(service)
    if stage:
        wire.open()
    if stage == 2:
        wire.allow()
        wire.attach(1, "single", reading=False)
        wire.attach(2, "single/ConsumerGroups/$Default/Partitions/0", reading=True)
        wire.attach(3, "$management", reading=False)
        wire.attach(4, "$management", reading=True)
    for part in stream:
        if not wire.transport.closed:
            wire.feed(part)
    for _ in range(5):
        await asyncio.sleep(0)
    wire.close()
    return bytes(wire.transport.written)


@settings(max_examples=50)
@given(stage=st.integers(0, 2), stream=STREAMS)
def test_no_bytes_make_the_server_fail(service: Service, stage: int, stream: list[bytes]) -> None:
    assert b"amqp:internal-error" not in asyncio.run(feed(service, stage, stream))


@pytest.mark.slow
@settings(max_examples=300)
@given(stream=STREAMS)
def test_no_bytes_make_attached_links_fail(service: Service, stream: list[bytes]) -> None:
    assert b"amqp:internal-error" not in asyncio.run(feed(service, 2, stream))


@pytest.mark.parametrize("junk", [b"\xff" * 100_000, b"AMQP\x00\x01\x00\x00" + bytes(100), b"AMQP\x03\x01\x00\x00\xff"])
def test_others_are_served_while_one_talks_nonsense(peer: Server, junk: bytes) -> None:
    with socket.create_connection(("127.0.0.1", peer.port)) as hostile:
        hostile.sendall(junk)
        asyncio.run(send(peer.connection_string, ["fine"]))
    assert stored(peer) == [["fine"]]
