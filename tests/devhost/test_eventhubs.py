"""The Event Hubs trigger: Microsoft's producer, the local peer, Microsoft's consumer, the real worker."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from azure.eventhub import EventData
from azure.eventhub.aio import EventHubProducerClient

from peers.eventhub.broker import HubSpec
from peers.eventhub.server import Options, listen
from peers.eventhub.times import Times
from peers.eventhub.tokens import SharedKey
from tests.azurite import Azurite
from tests.devhost.hosting import app_settings, running
from tests.devhost.witness import fail, seen

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def peer(folder: Path, azurite: Azurite) -> AsyncIterator[dict[str, str]]:
    """The settings of an app whose hubs are on a peer with an own port, so with checkpoints of their own."""
    hubs = [HubSpec("readings", 1, ("$Default",)), HubSpec("single", 1, ("$Default",))]
    server = await listen(Options(hubs, SharedKey("root", "a-key"), folder, "127.0.0.1", 0, Times(idle=0, stolen=0)))
    try:
        enabled = {"EventHubs": server.connection_string, "AzureWebJobs.events_in.Disabled": "false"}
        yield app_settings(azurite, "events") | enabled
    finally:
        await server.close()


async def send(settings: dict[str, str], hub: str, bodies: list[bytes]) -> None:
    producer = EventHubProducerClient.from_connection_string(settings["EventHubs"], eventhub_name=hub)
    async with producer:
        batch = await producer.create_batch(partition_key="device-1")
        for number, body in enumerate(bodies):
            event = EventData(body)
            event.properties = {"number": number}
            batch.add(event)
        await producer.send_batch(batch)


async def test_a_batch_arrives_is_retried_and_then_left_behind_for_good(azurite: Azurite, tmp_path: Path) -> None:
    async with peer(tmp_path / "events", azurite) as settings:
        await send(settings, "readings", [b"a", b""])
        fail("events_in", 3)  # the first try and both retries
        async with running(settings, tmp_path):
            tries = [await seen("events_in") for _ in range(3)]
        assert [retry for *_, retry in tries] == [0, 1, 2]
        bodies, sequences, metadata, _ = tries[0]
        assert (bodies, sequences) == ([b"a", b""], [0, 1])
        assert metadata["PartitionContext"]["PartitionId"] == "0"
        assert metadata["PartitionContext"]["EventHubName"] == "readings"
        assert metadata["PropertiesArray"] == [{"number": 0}, {"number": 1}]
        assert metadata["SystemPropertiesArray"][1]["PartitionKey"] == "device-1"

        await send(settings, "readings", [b"next"])
        async with running(settings, tmp_path):
            bodies, sequences, _, retry = await seen("events_in")
        assert (bodies, sequences, retry) == ([b"next"], [2], 0)


@pytest.mark.slow
async def test_events_come_one_by_one_where_the_function_asks_for_it(azurite: Azurite, tmp_path: Path) -> None:
    async with peer(tmp_path / "events", azurite) as settings:
        await send(settings, "single", [b"x", b"y"])
        one_by_one = {"AzureWebJobs.events_in.Disabled": "true", "AzureWebJobs.one_event.Disabled": "false"}
        async with running(settings | one_by_one, tmp_path):
            first, second = await seen("one"), await seen("one")
        assert first[:3] == (b"x", 0, "device-1")
        assert second[:3] == (b"y", 1, "device-1")
        assert first[3].tzinfo is not None
