"""The whole host on the real worker, against Azurite: every trigger of the small app but Event Hubs."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from azure.storage.blob.aio import BlobServiceClient
from azure.storage.queue.aio import QueueServiceClient

from tests.azurite import Azurite
from tests.devhost.hosting import app_settings, running, sent
from tests.devhost.witness import fail, seen

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def queues(azurite: Azurite) -> AsyncIterator[QueueServiceClient]:
    async with QueueServiceClient.from_connection_string(azurite.control) as service:
        yield service


async def taken(service: QueueServiceClient, name: str, count: int) -> list[str]:
    """The next messages of a queue, as many as asked for."""
    found: list[str] = []
    async with asyncio.timeout(20), service.get_queue_client(name) as client:
        while len(found) < count:
            try:
                messages = [item async for item in client.receive_messages()]
            except Exception:
                messages = []
            found += [item.content for item in messages]
            for item in messages:
                await client.delete_message(item)
            await asyncio.sleep(0 if messages else 0.05)
    return found


async def test_http_goes_through_routes_methods_keys_and_the_worker(azurite: Azurite, tmp_path: Path) -> None:
    async with running(app_settings(azurite, "http"), tmp_path) as host:
        status, text, headers = await host.fetch(
            "/api/Items/7?q=a%20b", "POST", data=b"\xc3\xa9", headers={"x-test": "1"}
        )
        answer = json.loads(text)
        assert status == 201
        assert (answer["id"], answer["query"], answer["body"]) == ("7", {"q": "a b"}, "é")
        assert (answer["method"], answer["header"]) == ("POST", "1")
        assert answer["url"].startswith(host.url)
        assert (headers["x-answer"], headers["content-type"]) == ("42", "application/json")
        assert [c.split("=")[0] for c in headers.getall("set-cookie")] == ["a", "b"]
        assert (await host.fetch("/api/items/all"))[:2] == (200, "all")
        assert (await host.fetch("/api/items/seven"))[0] == 404
        assert (await host.fetch("/api/items/7", "DELETE"))[0] == 404
        assert (await host.fetch("/items/7"))[0] == 404
        assert (await host.fetch("/api/broken"))[:2] == (500, "")
        assert (await host.fetch("/"))[0] == 200


async def test_keys_open_what_their_level_says(azurite: Azurite, tmp_path: Path) -> None:
    async with running(app_settings(azurite, "keys"), tmp_path) as host:
        keys = host.keys
        own = keys["functions"]["secret"]
        assert (await host.fetch("/api/secret"))[0] == 401
        assert (await host.fetch("/api/secret?code=wrong"))[0] == 401
        for key in (own, keys["default"], keys["master"]):
            assert (await host.fetch("/api/secret", headers={"x-functions-key": key}))[:2] == (200, "told")
        assert (await host.fetch(f"/api/secret?code={own}"))[0] == 200
        assert (await host.fetch("/api/master", headers={"x-functions-key": keys["default"]}))[0] == 401
        assert (await host.fetch("/api/master", headers={"x-functions-key": keys["master"]}))[0] == 200
        assert (await host.fetch("/admin/host/status"))[0] == 401
        status, text, _ = await host.fetch("/admin/host/status", headers={"x-functions-key": keys["master"]})
        assert (status, json.loads(text)["state"]) == (200, "Running")
    assert (tmp_path / "keys.json").stat().st_mode & 0o777 == 0o600


async def test_without_auth_nobody_is_asked_for_a_key(azurite: Azurite, tmp_path: Path) -> None:
    async with running(app_settings(azurite, "noauth") | {"DEVHOST_AUTH": "off"}, tmp_path) as host:
        assert (await host.fetch("/api/master"))[0] == 200
        assert (await host.fetch("/admin/host/status"))[0] == 200
        run = await host.fetch("/admin/functions/tick", "POST", json={"input": ""})
        assert run[0] == 202
        assert await seen("tick") is False
        assert (await host.fetch("/admin/functions/nobody", "POST", json={}))[0] == 404
        assert (await host.fetch("/admin/functions/secret", "POST", json={}))[0] == 400
        assert (await host.fetch("/admin/functions/take", "POST", data=b"{"))[0] == 400
        await host.fetch("/admin/functions/take", "POST", json={"input": "by hand"})
        assert (await seen("take"))[0] == "by hand"


async def test_outputs_reach_their_queue_one_message_per_item(azurite: Azurite, tmp_path: Path) -> None:
    settings = app_settings(azurite, "outputs")
    async with running(settings, tmp_path) as host, queues(azurite) as service:
        assert (await host.fetch("/api/send"))[:2] == (200, "sent")
        assert sorted(await taken(service, "outputs-out", 3)) == ["first", "second", "third"]


async def test_a_queue_message_is_retried_and_then_poison(azurite: Azurite, tmp_path: Path) -> None:
    settings = app_settings(azurite, "poison")
    async with running(settings, tmp_path), queues(azurite) as service:
        fail("take", 3)
        await sent(service, "poison-in", "bad luck")
        assert [(await seen("take"))[:2] for _ in range(3)] == [("bad luck", n) for n in (1, 2, 3)]
        assert await taken(service, "poison-in-poison", 1) == ["bad luck"]
        async with service.get_queue_client("poison-in") as client:
            assert (await client.get_queue_properties()).approximate_message_count == 0
            await client.send_message("fine")
        assert (await seen("take"))[:2] == ("fine", 1)


async def test_new_blobs_are_told_once_even_across_restarts(azurite: Azurite, tmp_path: Path) -> None:
    settings = app_settings(azurite, "grid") | {
        "EVENT_GRID_CONTAINERS": "grid-videos",
        "EVENT_GRID_QUEUE": "grid-uploads",
    }
    async with BlobServiceClient.from_connection_string(azurite.data) as blobs, queues(azurite) as service:
        await blobs.create_container("grid-videos")
        await blobs.get_blob_client("grid-videos", "a/b c.mp4").upload_blob(b"123")
        async with running(settings, tmp_path):
            event = decoded((await taken(service, "grid-uploads", 1))[0])
        assert event["eventType"] == "Microsoft.Storage.BlobCreated"
        assert event["subject"] == "/blobServices/default/containers/grid-videos/blobs/a/b c.mp4"
        assert event["data"]["contentLength"] == 3
        assert event["data"]["url"].endswith("/data/grid-videos/a/b%20c.mp4")
        async with running(settings, tmp_path):
            await blobs.get_blob_client("grid-videos", "second").upload_blob(b"4")
            assert decoded((await taken(service, "grid-uploads", 1))[0])["subject"].endswith("/second")
            await blobs.get_blob_client("grid-videos", "second").upload_blob(b"5", overwrite=True)
            assert decoded((await taken(service, "grid-uploads", 1))[0])["subject"].endswith("/second")


def decoded(text: str) -> Any:
    return json.loads(base64.b64decode(text))
