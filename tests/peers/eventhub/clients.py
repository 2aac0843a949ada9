"""The real SDK, in the few ways the tests use it, and a look past it at what is stored."""

import asyncio
from collections.abc import Sequence
from typing import Any

from azure.eventhub import EventData
from azure.eventhub.aio import EventHubConsumerClient, EventHubProducerClient, PartitionContext

from peers.eventhub.amqp.decoding import decode
from peers.eventhub.messages import DATA, Message, sections
from peers.eventhub.server import Server
from tests.peers.eventhub.wire import section


def producer(connection: str, hub: str = "single", **options: Any) -> EventHubProducerClient:
    return EventHubProducerClient.from_connection_string(connection, eventhub_name=hub, **options)


def consumer(connection: str, hub: str = "single", group: str = "$Default", **options: Any) -> EventHubConsumerClient:
    options = {"load_balancing_interval": 0.1} | options
    return EventHubConsumerClient.from_connection_string(connection, group, eventhub_name=hub, **options)


async def send(connection: str, bodies: Sequence[str | bytes], hub: str = "single", **route: str) -> None:
    async with producer(connection, hub, retry_total=0) as client:
        await client.send_batch([EventData(body) for body in bodies], **route)


async def receive(connection: str, count: int, group: str = "$Default", **options: Any) -> list[EventData]:
    """The first `count` events of the one partition of the hub `single`, by default from the start."""
    events: list[EventData] = []
    outcomes: asyncio.Queue[Exception | None] = asyncio.Queue()

    async def on_batch(_: PartitionContext, batch: list[EventData]) -> None:
        events.extend(batch)
        if len(events) >= count:
            outcomes.put_nowait(None)

    async def on_error(_: PartitionContext, error: Exception) -> None:
        outcomes.put_nowait(error)

    options = {"starting_position": "-1", "partition_id": "0"} | options
    async with consumer(connection, group=group, retry_total=0) as client:
        task = asyncio.create_task(client.receive_batch(on_batch, on_error=on_error, **options))
        failure = await outcomes.get()
        task.cancel()
        await asyncio.wait([task])
    if failure:
        raise failure
    return events


async def bodies(connection: str, count: int, **options: Any) -> list[str]:
    return [event.body_as_str() for event in await receive(connection, count, **options)]


def seed(server: Server, bodies: Sequence[str]) -> None:
    """Puts events into the hub `single` past the SDK, before anybody reads it."""
    hub = server.broker.hub("single")
    server.broker.publish(hub, 0, [Message(section(DATA, body.encode())) for body in bodies])


def stored(server: Server, hub: str = "single") -> list[list[str]]:
    """The bodies in each partition."""
    partitions = server.broker.hub(hub).partitions
    return [[_body(message) for message in part.log.read(0, len(part.log), 1 << 30)] for part in partitions]


def _body(message: bytes) -> str:
    parts = [decode(message, part.value)[0] for part in sections(message) if part.code == DATA]
    return b"".join(part for part in parts if isinstance(part, bytes)).decode()
