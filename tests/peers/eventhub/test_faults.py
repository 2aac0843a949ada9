"""Faults a test can ask for, as the SDK sees them."""

import asyncio

import pytest
from azure.eventhub import EventData
from azure.eventhub.exceptions import EventDataSendError

from peers.eventhub.amqp.error import AmqpError, Condition
from peers.eventhub.broker import DropConnection, Publish, PublishHook
from peers.eventhub.server import Options, Server, background
from tests.peers.eventhub.clients import producer, stored
from tests.peers.eventhub.conftest import HUBS, KEY, breaks_connections


def times(count: int, error: Exception) -> PublishHook:
    """A hook that fails the first `count` publishes."""
    waiting = [error] * count

    def hook(_: Publish) -> None:
        if waiting:
            raise waiting.pop()

    return hook


def serving(hook: PublishHook) -> Options:
    return Options(HUBS, KEY, on_publish=hook)


async def send_each(server: Server, *bodies: str) -> None:
    async with producer(server.connection_string, retry_backoff_factor=0.01) as client:
        for body in bodies:
            await client.send_batch([EventData(body)])


@breaks_connections
def test_a_send_refused_twice_is_an_error_and_stores_nothing() -> None:
    # The SDK tries a refused batch once more, on a new link, and then gives up whatever retry_total says.
    with background(serving(times(2, AmqpError(Condition.BUSY, "busy today")))) as server:
        with pytest.raises(EventDataSendError, match="busy today"):
            asyncio.run(send_each(server, "refused"))
        assert stored(server) == [[]]


@breaks_connections
def test_a_connection_lost_after_storing_makes_the_sdk_send_twice() -> None:
    with background(serving(times(1, DropConnection(stored=True)))) as server:
        asyncio.run(send_each(server, "a", "b"))
        assert stored(server) == [["a", "a", "b"]]


@breaks_connections
def test_a_connection_lost_before_storing_makes_the_sdk_send_again() -> None:
    with background(serving(times(1, DropConnection(stored=False)))) as server:
        asyncio.run(send_each(server, "a", "b"))
        assert stored(server) == [["a", "b"]]


def test_the_hook_sees_what_goes_where() -> None:
    seen: list[Publish] = []
    with background(serving(seen.append)) as server:
        asyncio.run(send_each(server, "a"))
    assert seen == [Publish("single", 0, 1)]


@pytest.mark.slow
@breaks_connections
def test_a_producer_outlives_the_loss_of_its_connection(peer: Server) -> None:
    async def body() -> None:
        async with producer(peer.connection_string, retry_backoff_factor=0.01) as client:
            await client.send_batch([EventData("before")])
            peer.drop_connections_soon()
            await client.send_batch([EventData("after")])

    asyncio.run(body())
    assert [list(dict.fromkeys(bodies)) for bodies in stored(peer)] == [["before", "after"]]
