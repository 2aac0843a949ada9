"""The real SDK receives."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from azure.eventhub import EventData, EventHubConsumerClient
from azure.eventhub.exceptions import ConnectionLostError, EventHubError

from peers.eventhub.server import Server
from tests.peers.eventhub.clients import bodies, consumer, producer, receive, seed, send


def test_an_event_arrives_with_its_properties_key_place_and_time(peer: Server) -> None:
    big = bytes(range(256)) * 3600

    async def body() -> list[EventData]:
        event = EventData(b"\x00binary\xff")
        event.properties = {"text": "ü", "number": 7, "flag": True}
        event.content_type, event.message_id, event.correlation_id = "application/octet-stream", "id-1", "id-2"
        async with producer(peer.connection_string) as client:
            await client.send_batch([event, EventData(big)], partition_key="device-7")
        return await receive(peer.connection_string, 2)

    first, second = asyncio.run(body())
    assert b"".join(first.body) == b"\x00binary\xff"
    assert first.properties == {b"text": "ü".encode(), b"number": 7, b"flag": True}
    assert (first.content_type, first.message_id, first.correlation_id) == ("application/octet-stream", "id-1", "id-2")
    assert (first.partition_key, second.partition_key) == (b"device-7", b"device-7")
    assert (first.sequence_number, second.sequence_number) == (0, 1)
    assert int(str(second.offset)) > int(str(first.offset))
    assert first.enqueued_time == second.enqueued_time
    assert b"".join(second.body) == big


def test_a_consumer_starts_where_it_is_told(peer: Server) -> None:
    log = peer.broker.hub("single").partitions[0].log
    cs = peer.connection_string
    seed(peer, ["a", "b"])
    b, time = str(log.last_offset), datetime.fromtimestamp(log.last_time / 1000, UTC)
    seed(peer, ["c"])

    async def body() -> list[list[str]]:
        latest = asyncio.create_task(bodies(cs, 1, starting_position="@latest"))
        found = await asyncio.gather(
            bodies(cs, 1, starting_position=b),
            bodies(cs, 2, starting_position=b, starting_position_inclusive=True),
            bodies(cs, 1, starting_position=1),
            bodies(cs, 3, starting_position=time - timedelta(seconds=1)),
        )
        await send(cs, ["d"])
        return [*found, await latest]

    assert asyncio.run(body()) == [["c"], ["b", "c"], ["c"], ["a", "b", "c"], ["d"]]


@pytest.mark.slow
def test_a_missing_group_and_a_position_from_another_life_are_errors_that_say_so(peer: Server) -> None:
    async def missing_group() -> None:
        with pytest.raises(EventHubError, match="ConsumerGroups/missing' could not be found"):
            await receive(peer.connection_string, 1, group="missing")

    async def other_life() -> None:
        with pytest.raises(EventHubError, match=r"'4000' is invalid\. The last offset in the system is '-1'"):
            await receive(peer.connection_string, 1, starting_position="4000")

    async def together() -> None:
        await asyncio.gather(missing_group(), other_life())

    asyncio.run(together())


@pytest.mark.slow
def test_the_sync_consumer_receives(peer: Server) -> None:
    seed(peer, ["a", "b", "c"])
    client = EventHubConsumerClient.from_connection_string(peer.connection_string, "$Default", eventhub_name="single")
    received: list[str] = []

    def take(_: object, events: list[EventData]) -> None:
        received.extend(event.body_as_str() for event in events)
        if len(received) >= 3:
            client.close()

    with client:
        client.receive_batch(take, partition_id="0", starting_position="-1")
    assert received == ["a", "b", "c"]


@pytest.mark.slow
def test_the_higher_owner_level_takes_a_partition_from_the_lower(peer: Server) -> None:
    errors: asyncio.Queue[Exception] = asyncio.Queue()
    arrived: asyncio.Queue[str] = asyncio.Queue()

    async def take(_: Any, event: EventData) -> None:
        arrived.put_nowait(event.body_as_str())

    async def on_error(_: Any, error: Exception) -> None:
        errors.put_nowait(error)

    async def body() -> Exception:
        async with consumer(peer.connection_string) as low, consumer(peer.connection_string) as high:
            options: dict[str, Any] = {"partition_id": "0", "starting_position": "-1", "on_error": on_error}
            tasks = [asyncio.create_task(low.receive(take, owner_level=1, **options))]
            assert await arrived.get() == "a"
            tasks.append(asyncio.create_task(high.receive(take, owner_level=2, **options)))
            error = await errors.get()
            assert await arrived.get() == "a"
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
        return error

    seed(peer, ["a"])
    error = asyncio.run(body())
    assert isinstance(error, ConnectionLostError)
    assert "amqp:link:stolen" in str(error)


@pytest.mark.slow
def test_more_events_than_a_session_window_arrive_in_order_on_one_link(peer: Server) -> None:
    count = 70_000
    for first in range(0, count, 10_000):
        seed(peer, [str(number) for number in range(first, first + 10_000)])
    received = asyncio.run(receive(peer.connection_string, count, prefetch=5000, max_batch_size=2000))
    assert [event.sequence_number for event in received] == list(range(count))
    assert received[-1].body_as_str() == str(count - 1)
