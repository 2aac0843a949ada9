"""The real SDK sends."""

import asyncio

import pytest
from azure.core.credentials import AzureNamedKeyCredential
from azure.eventhub import EventData, EventHubProducerClient
from azure.eventhub.aio import EventHubProducerClient as AsyncProducer
from azure.eventhub.exceptions import AuthenticationError, ConnectError, EventHubError

from peers.eventhub.server import Server
from shared.readings.partition_key import partition_of
from tests.peers.eventhub.clients import producer, send, stored
from tests.peers.eventhub.conftest import KEY


def test_the_sync_producer_sends_a_batch(peer: Server) -> None:
    client = EventHubProducerClient.from_connection_string(peer.connection_string, eventhub_name="single")
    with client:
        batch = client.create_batch()
        for number in range(3):
            batch.add(EventData(f"event {number}"))
        client.send_batch(batch)
    assert stored(peer) == [["event 0", "event 1", "event 2"]]


def test_events_are_routed_by_partition_by_key_and_otherwise_in_turn(peer: Server) -> None:
    async def body() -> None:
        async with producer(peer.connection_string, "readings") as client:
            await client.send_batch([EventData("to 2")], partition_id="2")
            for number in range(5):
                await client.send_batch([EventData(f"key {number}")], partition_key=f"key-{number}")
            for _ in range(4):
                await client.send_batch([EventData("turn")])

    asyncio.run(body())
    expected: list[list[str]] = [["turn"], ["turn"], ["to 2", "turn"], ["turn"]]
    for number in range(5):
        expected[partition_of(f"key-{number}", 4)].append(f"key {number}")
    assert [sorted(bodies) for bodies in stored(peer, "readings")] == [sorted(bodies) for bodies in expected]


@pytest.mark.slow
def test_the_hub_and_its_partitions_describe_themselves(peer: Server) -> None:
    async def body() -> None:
        async with producer(peer.connection_string, "readings") as client:
            await client.send_batch([EventData("a"), EventData("b")], partition_id="1")
            hub = await client.get_eventhub_properties()
            full, empty = await client.get_partition_properties("1"), await client.get_partition_properties("0")
        assert (hub["eventhub_name"], hub["partition_ids"]) == ("Readings", ["0", "1", "2", "3"])
        assert (full["last_enqueued_sequence_number"], full["is_empty"]) == (1, False)
        assert (empty["last_enqueued_sequence_number"], empty["last_enqueued_offset"]) == (-1, "-1")
        assert empty["is_empty"]

    asyncio.run(body())


def test_a_wrong_key_a_missing_hub_or_partition_is_an_error_that_says_so(peer: Server) -> None:
    async def wrong_key() -> None:
        with pytest.raises(AuthenticationError):
            await send(peer.connection_string.replace(KEY.key, "d3Jvbmc="), ["x"])

    async def missing_hub() -> None:
        with pytest.raises(AuthenticationError):  # as Azure does: the token for it is refused
            await send(peer.connection_string, ["x"], "missing")

    async def missing_partition() -> None:
        with pytest.raises(ConnectError):
            await send(peer.connection_string, ["x"], partition_id="7")

    async def together() -> None:
        await asyncio.gather(wrong_key(), missing_hub(), missing_partition())

    asyncio.run(together())


@pytest.mark.slow
def test_one_over_1_mib_is_refused_by_the_server_too(peer: Server) -> None:
    async def body() -> None:
        async with producer(peer.connection_string, retry_total=0) as client:
            await client.get_partition_ids()
            batch = await client.create_batch(max_size_in_bytes=1_048_576)
            batch.max_size_in_bytes = 2_000_000  # The SDK would not let it out otherwise.
            batch.add(EventData(bytes(1_100_000)))
            with pytest.raises(EventHubError, match="message-size-exceeded"):
                await client.send_batch(batch)

    asyncio.run(body())
    assert stored(peer) == [[]]


@pytest.mark.slow
def test_the_buffered_producer_delivers_everything(peer: Server) -> None:
    sent: list[int] = []
    failures: list[Exception] = []

    async def on_success(events: list[EventData], _: str | None) -> None:
        sent.append(len(events))

    async def on_error(_: object, __: object, error: Exception) -> None:
        failures.append(error)

    async def body() -> None:
        client = producer(
            peer.connection_string, buffered_mode=True, on_success=on_success, on_error=on_error, max_wait_time=0.2
        )
        async with client:
            for number in range(20):
                await client.send_event(EventData(str(number)))
            await client.flush()

    asyncio.run(body())
    assert (sum(sent), failures) == (20, [])
    assert stored(peer) == [[str(number) for number in range(20)]]


@pytest.mark.slow
def test_a_named_key_credential_works_like_a_connection_string(peer: Server) -> None:
    async def body() -> list[str]:
        credential = AzureNamedKeyCredential(KEY.name, KEY.key)
        client = AsyncProducer(f"127.0.0.1:{peer.port}", "single", credential, use_tls=False)
        async with client:
            ids: list[str] = await client.get_partition_ids()
            return ids

    assert asyncio.run(body()) == ["0"]
