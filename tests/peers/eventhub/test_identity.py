"""An app that has an identity in place of a connection string, from the settings to the hub."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from devhost import services
from devhost.connections import event_hub_consumer
from peers.azure.clock import Clock
from peers.eventhub.broker import HubSpec
from peers.eventhub.server import Options, background
from shared.errors import SettingsError
from shared.readings.hub import last_sequences, open_producer
from shared.readings.samples import Sample
from shared.readings.sender import send_round
from shared.settings import Settings
from tests.peers.azure.contract_server import running
from tests.peers.eventhub.conftest import KEY

NAMESPACE = "EventHubs__fullyQualifiedNamespace"


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """The environment of an app whose identity has an endpoint on this machine."""
    with running(tmp_path_factory.mktemp("identity"), [], Clock()) as peer:
        yield peer.env


@pytest.mark.slow
def test_an_identity_sends_reads_and_is_told_what_is_wrong(
    identity: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in identity.items():
        monkeypatch.setenv(name, value)
    hubs = (HubSpec("readings", 2),)
    with background(Options(hubs, KEY, identity=identity["IDENTITY_HEADER"])) as server:
        env = {NAMESPACE: f"127.0.0.1:{server.port}"}
        settings = Settings.from_env(env)
        with open_producer(settings) as hub:
            send_round(hub, 2, [Sample(0, "a", "t", 1.0)])
        assert sorted(last_sequences(settings).values()) == [-1, 0]
        assert asyncio.run(partitions(env)) == ["0", "1"]
        with pytest.raises(SettingsError, match="no such event hub"):
            last_sequences(Settings.from_env(env | {"EVENT_HUB_NAME": "none"}))
    strange = background(Options(hubs, KEY, identity="of another"))
    with strange as server, pytest.raises(SettingsError, match="refuses the key or identity"):
        last_sequences(Settings.from_env({NAMESPACE: f"127.0.0.1:{server.port}"}))


async def partitions(env: dict[str, str]) -> list[str]:
    """What the local host's own consumer finds."""
    async with event_hub_consumer(env, "EventHubs", "readings", "$Default") as consumer:
        found: list[str] = await consumer.get_partition_ids()
        await consumer._credential.close()  # the local host keeps one for as long as it lives
    return found


def test_the_peer_is_started_for_an_identity_too_with_a_key_that_nobody_knows(tmp_path: Path) -> None:
    settings = {NAMESPACE: "127.0.0.1:5699", "IDENTITY_HEADER": "the endpoint's"}
    service = services.event_hubs_service(settings, tmp_path)
    assert service
    assert [port.number for port in service.ports] == [5699]
    assert service.env["IDENTITY_HEADER"] == "the endpoint's"
    assert len(service.env["EVENTHUB_KEY"]) > 30
    assert services.event_hubs_service({NAMESPACE: "ns.servicebus.windows.net"}, tmp_path) is None
