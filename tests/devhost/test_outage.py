"""Storage goes away and comes back: the host answers meanwhile and takes up its work afterwards."""

import asyncio
import os
from asyncio.subprocess import DEVNULL, Process
from pathlib import Path

import pytest
from azure.storage.queue.aio import QueueServiceClient

from devhost.azurite import command, environment, install
from devhost.supervisor import answers
from peers.eventhub.broker import HubSpec
from peers.eventhub.server import Options, listen
from peers.eventhub.tokens import SharedKey
from shared.settings.storage_account import parse_account
from tests.azurite import ROOT, Azurite
from tests.devhost.hosting import running, sent
from tests.devhost.test_eventhubs import send
from tests.devhost.test_up import settings_for
from tests.devhost.witness import next_seen, seen

pytestmark = [pytest.mark.anyio, pytest.mark.slow]


async def start_azurite(settings: dict[str, str], folder: Path) -> Process:
    accounts = [parse_account(name, settings[name]) for name in ("ControlStorage", "DataStorage")]
    blob, queue = accounts[0].ports
    script = install(ROOT / ".tally" / "azurite")
    process = await asyncio.create_subprocess_exec(
        *command(script, blob, queue, folder),
        env={**os.environ, **environment(accounts)},
        stdout=DEVNULL,
        stderr=DEVNULL,
    )
    async with asyncio.timeout(30):
        while not (await answers(blob) and await answers(queue)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    return process


async def put(settings: dict[str, str], text: str) -> None:
    async with QueueServiceClient.from_connection_string(settings["ControlStorage"]) as service:
        await sent(service, settings["IN_QUEUE"], text)


async def test_triggers_back_off_while_storage_is_away_and_resume(azurite: Azurite, tmp_path: Path) -> None:
    settings = settings_for(tmp_path) | {"TICK_SCHEDULE": "*/1 * * * * *"}
    storage = await start_azurite(settings, tmp_path / "azurite")
    hubs = [HubSpec("readings", 1, ("$Default",))]
    peer = await listen(Options(hubs, SharedKey("root", "a-key"), tmp_path / "events"))
    settings["EventHubs"] = peer.connection_string
    try:
        async with running(settings, tmp_path) as host:
            await put(settings, "before")
            assert (await seen("take"))[0] == "before"
            await send(settings, "readings", [b"1"])
            assert (await seen("events_in"))[0] == [b"1"]

            storage.terminate()
            await storage.wait()
            for _ in range(4):
                await seen("tick")
            assert (await host.fetch("/api/items/all"))[0] == 200
            # What is received while no checkpoint can be written may come again; it is not lost.
            await send(settings, "readings", [b"2"])

            storage = await start_azurite(settings, tmp_path / "azurite")
            await put(settings, "after")
            await send(settings, "readings", [b"3"])
            texts: list[str] = []
            bodies: list[bytes] = []
            while "after" not in texts or b"3" not in bodies:
                match await next_seen():
                    case ("take", what):
                        texts.append(what[0])
                    case ("events_in", what):
                        bodies += what[0]
            assert b"2" in bodies
    finally:
        await peer.close()
        storage.kill()
        await storage.wait()
