"""The protocol's finer points, with a client that can say anything."""

import asyncio
from collections.abc import Callable, Coroutine

import pytest

from peers.eventhub.amqp import frames
from peers.eventhub.amqp.decoding import decode
from peers.eventhub.amqp.performatives import (
    Attach,
    Begin,
    Close,
    Detach,
    Disposition,
    End,
    Flow,
    Open,
    SaslInit,
    SaslOutcome,
    Transfer,
)
from peers.eventhub.amqp.types import Described, Long, Symbol, UInt, UShort
from peers.eventhub.messages import sections
from peers.eventhub.session import INCOMING_WINDOW
from peers.eventhub.times import Times
from tests.peers.eventhub.conftest import KEY
from tests.peers.eventhub.wire import BEGIN, EVENT, SASL, Wire, section, signature

EVENTS = "single/ConsumerGroups/$Default/Partitions/0"


def on_a_wire(test: Callable[[Wire], Coroutine[None, None, None]]) -> Callable[[], None]:
    """Runs the test with an opened connection."""

    async def body() -> None:
        wire = Wire()
        wire.open()
        try:
            await test(wire)
        finally:
            wire.close()

    def run() -> None:
        asyncio.run(body())

    run.__name__ = test.__name__
    run.__doc__ = test.__doc__
    return run


def condition(error: Described | None) -> object:
    return error.value[0] if error and isinstance(error.value, list) else None


@on_a_wire
async def test_open_and_begin_are_answered(wire: Wire) -> None:
    opened, begun = [performative for performative, _ in await wire.heard() if isinstance(performative, Open | Begin)]
    assert isinstance(opened, Open)
    assert isinstance(begun, Begin)
    assert begun.remote_channel == 0


@on_a_wire
async def test_without_a_token_nothing_can_be_attached(wire: Wire) -> None:
    for handle, (address, reading) in enumerate([("single", False), (EVENTS, True), ("single/Partitions/0", False)]):
        wire.attach(handle, address, reading=reading)
    detached = await wire.heard_of(Detach)
    assert [condition(detach.error) for detach in detached] == ["amqp:unauthorized-access"] * 3


@on_a_wire
async def test_a_token_for_one_hub_opens_no_other(wire: Wire) -> None:
    wire.allow("sb://localhost/readings")
    wire.attach(1, "readings", reading=False)
    wire.attach(2, "single", reading=False)
    assert [detach.handle for detach in await wire.heard_of(Detach)] == [2]


@on_a_wire
async def test_links_end_with_their_token(wire: Wire) -> None:
    wire.allow(seconds=60)
    wire.attach(1, "single", reading=False)
    wire.put_token("sb://localhost/", 1.0)
    await wire.heard()
    await wire.transport.until(lambda: bool(wire.transport.written))
    (detached,) = await wire.heard_of(Detach)
    assert condition(detached.error) == "amqp:unauthorized-access"


@on_a_wire
async def test_a_short_token_ends_first_beside_a_long_one(wire: Wire) -> None:
    wire.allow("sb://localhost/readings", seconds=1.0)
    wire.put_token("sb://localhost/single", 3600)
    wire.attach(1, "readings", reading=False)
    wire.attach(2, "single", reading=False)
    await wire.heard()
    await wire.transport.until(lambda: bool(wire.transport.written))
    assert [detach.handle for detach in await wire.heard_of(Detach)] == [1]


@on_a_wire
async def test_a_message_over_1_mib_ends_its_link(wire: Wire) -> None:
    wire.allow()
    wire.attach(1, "single", reading=False)
    await wire.heard()
    for _ in range(17):
        wire.transfer(1, bytes(65_000), more=True)
    (detach,) = await wire.heard_of(Detach)
    assert condition(detach.error) == "amqp:link:message-size-exceeded"


@on_a_wire
async def test_a_message_that_is_none_is_rejected_and_the_link_goes_on(wire: Wire) -> None:
    wire.allow()
    wire.attach(1, "single", reading=False)
    await wire.heard()
    wire.transfer(1, b"junk", 1)
    wire.transfer(1, EVENT, 2)
    states = [item.state for item in await wire.heard_of(Disposition)]
    assert [state.descriptor for state in states if state] == [0x25, 0x24]


@pytest.mark.parametrize(
    ("address", "reading"),
    [
        ("nothing", False),
        ("", False),
        ("single/Partitions/0", True),
        (EVENTS, False),
        ("single/Partitions/9", False),
        ("single/Partitions/x", False),
        ("single/ConsumerGroups/none/Partitions/0", True),
        ("$other", True),
    ],
)
def test_a_node_that_is_not_there_is_refused_by_a_detach(address: str, reading: bool) -> None:
    @on_a_wire
    async def test(wire: Wire) -> None:
        wire.allow()
        wire.attach(1, address, reading=reading)
        heard = [item for item, _ in await wire.heard() if isinstance(item, Attach | Detach) and item.handle == 1]
        assert [type(item) for item in heard] == [Attach, Detach]
        assert isinstance(heard[0], Attach)
        assert isinstance(heard[1], Detach)
        assert (heard[0].source, heard[0].target) == (None, None)
        assert condition(heard[1].error) in {"amqp:not-found", "com.microsoft:argument-out-of-range"}

    test()


@on_a_wire
async def test_a_peer_that_sends_many_frames_hears_of_its_window_again(wire: Wire) -> None:
    wire.allow()
    wire.attach(1, "single", reading=False)
    await wire.heard()
    for _ in range(INCOMING_WINDOW // 2):
        wire.transfer(1, b"x", 1, more=True)
    (flow,) = await wire.heard_of(Flow)
    assert (flow.handle, flow.incoming_window) == (None, INCOMING_WINDOW)
    assert flow.next_incoming_id >= INCOMING_WINDOW // 2


@on_a_wire
async def test_a_delivery_in_several_frames_is_one_event(wire: Wire) -> None:
    wire.allow()
    wire.attach(1, "single", reading=False)
    wire.transfer(1, EVENT[:3], 7, more=True)
    wire.transfer(1, EVENT[3:5], 7, more=True)
    wire.transfer(1, EVENT[5:], 7)
    settled = [item for item in await wire.heard_of(Disposition) if item.first == 7]
    assert len(settled) == 1
    assert len(wire.service.broker.hub("single").partitions[0].log) == 1


@on_a_wire
async def test_an_aborted_delivery_leaves_nothing(wire: Wire) -> None:
    wire.allow()
    wire.attach(1, "single", reading=False)
    wire.transfer(1, EVENT[:3], 7, more=True)
    wire.transfer(1, b"", 7, aborted=True)
    wire.transfer(1, EVENT, 8)
    assert len(wire.service.broker.hub("single").partitions[0].log) == 1


@on_a_wire
async def test_no_more_is_sent_than_credit_and_window_allow(wire: Wire) -> None:
    wire.allow()
    log = wire.service.broker.hub("single").partitions[0]
    wire.attach(1, "single", reading=False)
    for number in range(10):
        wire.transfer(1, EVENT, number, settled=True)
    assert len(log.log) == 10
    wire.attach(2, EVENTS, reading=True)
    await wire.heard()
    wire.credit(2, 3)
    assert len(await wire.heard_of(Transfer)) == 3
    wire.credit(2, 100, count=3, window=2, seen=3)
    assert len(await wire.heard_of(Transfer)) == 2
    wire.credit(2, 100, count=5, window=100, seen=5)
    transfers = await wire.heard_of(Transfer)
    assert len(transfers) == 5
    assert all(transfer.settled for transfer in transfers)


@on_a_wire
async def test_a_peer_that_does_not_read_is_waited_for(wire: Wire) -> None:
    wire.allow()
    wire.attach(1, "single", reading=False)
    wire.attach(2, EVENTS, reading=True)
    wire.credit(2, 10)
    wire.connection.pause_writing()
    wire.transfer(1, EVENT)
    assert not await wire.heard_of(Transfer)
    wire.connection.resume_writing()
    assert len(await wire.heard_of(Transfer)) == 1


@on_a_wire
async def test_a_drain_is_answered_when_all_is_sent(wire: Wire) -> None:
    wire.allow()
    wire.attach(1, "single", reading=False)
    wire.transfer(1, EVENT)
    wire.attach(2, EVENTS, reading=True)
    await wire.heard()
    wire.credit(2, 10, drain=True)
    heard = [item for item, _ in await wire.heard() if isinstance(item, Transfer | Flow)]
    assert [type(item) for item in heard] == [Transfer, Flow]
    assert isinstance(heard[1], Flow)
    assert (heard[1].link_credit, heard[1].delivery_count, heard[1].drain) == (0, 10, True)


@on_a_wire
async def test_a_consumer_may_ask_how_far_the_partition_has_grown(wire: Wire) -> None:
    wire.allow()
    wire.attach(1, "single", reading=False)
    wire.transfer(1, EVENT)
    wire.attach(2, EVENTS, reading=True, desired_capabilities=Symbol("com.microsoft:enable-receiver-runtime-metric"))
    await wire.heard()
    wire.credit(2, 10)
    ((_, payload),) = [item for item in await wire.heard() if isinstance(item[0], Transfer)]
    assert payload.startswith(b"\x00\x53\x71")


def attach_level(wire: Wire, handle: int, level: int | None) -> None:
    properties = {} if level is None else {Symbol("com.microsoft:epoch"): Long(level)}
    wire.attach(handle, EVENTS, reading=True, properties=properties)


async def stolen(wire: Wire) -> list[int]:
    return [item.handle for item in await wire.heard_of(Detach) if condition(item.error) == "amqp:link:stolen"]


@on_a_wire
async def test_an_equal_or_higher_owner_level_takes_the_partition(wire: Wire) -> None:
    wire.allow()
    attach_level(wire, 1, None)
    attach_level(wire, 2, None)
    assert await stolen(wire) == []
    attach_level(wire, 3, 0)
    assert await stolen(wire) == [1, 2]
    attach_level(wire, 4, 0)
    assert await stolen(wire) == [3]
    attach_level(wire, 5, 2)
    assert await stolen(wire) == [4]


@on_a_wire
async def test_a_lower_owner_level_or_none_is_refused(wire: Wire) -> None:
    wire.allow()
    attach_level(wire, 1, 2)
    attach_level(wire, 2, 1)
    attach_level(wire, 3, None)
    assert await stolen(wire) == [2, 3]
    wire.say(Detach(handle=UInt(1), closed=True))
    attach_level(wire, 4, None)
    assert await stolen(wire) == []


@on_a_wire
async def test_a_sixth_reader_without_owner_level_is_one_too_many(wire: Wire) -> None:
    wire.allow()
    for handle in range(1, 7):
        attach_level(wire, handle, None)
    (detach,) = await wire.heard_of(Detach)
    assert (detach.handle, condition(detach.error)) == (6, "amqp:resource-limit-exceeded")


@on_a_wire
async def test_owner_levels_count_within_a_consumer_group(wire: Wire) -> None:
    wire.allow()
    for handle, group in ((1, "$Default"), (2, "second")):
        address = f"readings/ConsumerGroups/{group}/Partitions/0"
        wire.attach(handle, address, reading=True, properties={Symbol("com.microsoft:epoch"): Long(handle)})
    assert await stolen(wire) == []


@on_a_wire
async def test_a_frame_for_a_link_or_session_already_gone_is_passed_over(wire: Wire) -> None:
    wire.say(End())
    wire.say(Detach(handle=UInt(1)))
    wire.transfer(1, EVENT)
    heard = [type(item) for item, _ in await wire.heard()]
    assert heard[-1] is End
    assert not wire.transport.closed


@pytest.mark.parametrize(
    "said",
    [
        Begin(remote_channel=UShort(0), next_outgoing_id=UInt(0), incoming_window=UInt(1), outgoing_window=UInt(1)),
        Open(container_id="again"),
        Attach(name="far", handle=UInt(5000), role=False),
    ],
    ids=lambda item: type(item).__name__,
)
def test_a_breach_of_the_protocol_closes_the_connection_with_an_error(said: Open) -> None:
    @on_a_wire
    async def test(wire: Wire) -> None:
        wire.say(said)
        (close,) = await wire.heard_of(Close)
        assert str(condition(close.error)).startswith("amqp:")
        assert wire.transport.closed

    test()


def test_another_protocol_is_answered_with_ours_and_closed() -> None:
    async def test() -> None:
        wire = Wire()
        wire.feed(b"GET / HTTP/1.1\r\n\r\n")
        assert bytes(wire.transport.written) == b"AMQP\x03\x01\x00\x00"
        assert wire.transport.closed
        wire.close()

    asyncio.run(test())


def test_a_silent_connection_is_closed_when_its_time_is_up() -> None:
    async def test() -> None:
        wire = Wire(times=Times(idle=0.03))
        wire.open()
        await wire.transport.until(lambda: wire.transport.closed)
        opened, *_, close = [item for item, _ in await wire.heard() if isinstance(item, Open | Close)]
        assert isinstance(opened, Open)
        assert opened.idle_time_out == 15
        assert isinstance(close, Close)
        assert condition(close.error) == "amqp:connection:forced"
        wire.close()

    asyncio.run(test())


def test_a_connection_that_never_says_anything_is_closed_too() -> None:
    async def test() -> None:
        wire = Wire(times=Times(idle=0.03))
        await wire.transport.until(lambda: wire.transport.closed)
        wire.close()

    asyncio.run(test())


def test_a_peer_with_an_idle_time_out_hears_heartbeats() -> None:
    async def test() -> None:
        wire = Wire()
        wire.open(idle_time_out=UInt(20))
        await wire.transport.until(lambda: wire.transport.written.count(frames.EMPTY) == 3)
        wire.close()

    asyncio.run(test())


def test_a_request_is_answered_on_the_link_it_names() -> None:
    async def test() -> None:
        wire = Wire()
        wire.open()
        wire.allow()
        for handle in (1, 2):
            wire.attach(handle, "$management", reading=True)
        wire.attach(3, "$management", reading=False)
        wire.credit(1, 10)
        wire.credit(2, 10)
        await wire.heard()
        question = {"operation": "READ", "type": "com.microsoft:eventhub", "name": "single"}
        fields = ["id", None, None, None, "here"]
        wire.transfer(3, section(0x73, fields) + section(0x74, question))
        transfers = await wire.heard_of(Transfer)
        assert [transfer.handle for transfer in transfers] == [2]
        wire.close()

    asyncio.run(test())


def sasl(mechanism: str, response: bytes) -> bytes:
    init = SaslInit(mechanism=Symbol(mechanism), initial_response=response)
    return frames.SASL_HEADER + frames.write_frame(0, init, frames.SASL)


def test_the_policys_name_and_key_by_sasl_open_everything_and_others_nothing() -> None:
    async def test() -> None:
        wire = Wire()
        wire.feed(sasl("PLAIN", f"\0{KEY.name}\0{KEY.key}".encode()) + frames.AMQP_HEADER)
        wire.say(Open(container_id="test"))
        wire.feed(BEGIN)
        wire.attach(1, "single", reading=False)
        assert [item.name for item in await wire.heard_of(Attach)] == ["link-1"]
        wire.close()
        for mechanism, response in [("PLAIN", f"\0{KEY.name}\0other".encode()), ("PLAIN", b""), ("GSSAPI", b"")]:
            wire = Wire()
            wire.feed(sasl(mechanism, response))
            assert [item.outcome for item in await wire.heard_of(SaslOutcome)] == [1]
            assert wire.transport.closed
            wire.close()

    asyncio.run(test())


@pytest.mark.parametrize(("hub", "status"), [("single", 200), ("readings", 401)])
def test_a_management_request_may_bring_its_token_along(hub: str, status: int) -> None:
    async def test() -> None:
        wire = Wire()
        wire.open()
        wire.attach(1, "$management", reading=True)
        wire.attach(2, "$management", reading=False)
        wire.credit(1, 10)
        await wire.heard()
        asked = {"operation": "READ", "type": "com.microsoft:eventhub", "name": "single"}
        token = signature(f"sb://localhost/{hub}")
        wire.transfer(2, section(0x73, ["id"]) + section(0x74, asked | {"security_token": token}))
        ((_, payload),) = [item for item in await wire.heard() if isinstance(item[0], Transfer)]
        properties = next(decode(payload, part.value)[0] for part in sections(payload) if part.code == 0x74)
        assert isinstance(properties, dict)
        assert properties["status-code"] == status
        wire.close()

    asyncio.run(test())


def test_frames_may_arrive_byte_by_byte() -> None:
    async def test() -> None:
        wire = Wire()
        for byte in SASL:
            wire.feed(bytes((byte,)))
        assert bytes(wire.transport.written).endswith(b"AMQP\x00\x01\x00\x00")
        wire.close()

    asyncio.run(test())
