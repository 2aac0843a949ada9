"""Runs the small test app on the whole host, within the test's own process."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import aiohttp
from azure.core.exceptions import ResourceNotFoundError
from azure.storage.queue.aio import QueueServiceClient

from devhost.host import Place, run_host
from devhost.http import bind
from tests.azurite import Azurite

APP = Path(__file__).parent / "app"


@dataclass(frozen=True, slots=True)
class Running:
    url: str
    keys: dict[str, Any]
    settings: dict[str, str]

    async def fetch(self, path: str, method: str = "GET", **options: Any) -> tuple[int, str, Any]:
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, self.url + path, **options) as response,
        ):
            return response.status, await response.text(), response.headers.copy()


def app_settings(azurite: Azurite, name: str) -> dict[str, str]:
    return {
        **azurite.settings,
        "IN_QUEUE": f"{name}-in",
        "OUT_QUEUE": f"{name}-out",
        "TICK_SCHEDULE": "0 0 0 1 1 *",
        "EVENT_HUB_NAME": "readings",
        "EVENT_HUB_CONSUMER_GROUP": "$Default",
        "AzureWebJobs.events_in.Disabled": "true",
        "AzureWebJobs.one_event.Disabled": "true",
    }


@asynccontextmanager
async def running(settings: dict[str, str], folder: Path) -> AsyncIterator[Running]:
    listening, stop, ready = bind(0), asyncio.Event(), asyncio.Event()
    place = Place(APP, folder / "data", folder / "keys.json")
    environment = patch.dict(os.environ)
    environment.start()
    host = asyncio.create_task(run_host(place, settings, listening, stop, lambda functions, keys: ready.set()))
    waiting = asyncio.create_task(ready.wait())
    await asyncio.wait([host, waiting], return_when=asyncio.FIRST_COMPLETED)
    if host.done():
        waiting.cancel()
        environment.stop()
        host.result()
    keys = json.loads(place.keys.read_text()) if place.keys.exists() else {}
    try:
        yield Running(f"http://127.0.0.1:{listening.getsockname()[1]}", keys, settings)
    finally:
        stop.set()
        await host
        environment.stop()


async def sent(service: QueueServiceClient, name: str, text: str) -> None:
    """Send a message once the host has made the queue."""
    async with asyncio.timeout(20), service.get_queue_client(name) as client:
        while True:
            try:
                await client.send_message(text)
            except ResourceNotFoundError:
                await asyncio.sleep(0.05)
            else:
                return
