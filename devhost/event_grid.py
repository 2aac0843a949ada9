"""Plays Event Grid, which Azurite lacks: new blobs become BlobCreated events in a storage queue."""

import asyncio
import base64
import hashlib
import json
import logging
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

from devhost.connections import blob_service
from devhost.outputs import Sender
from devhost.pace import stopped_within
from shared.errors import one_line
from shared.settings.storage_account import LOOPBACK

log = logging.getLogger("devhost.event_grid")


@dataclass(frozen=True, slots=True)
class NewBlob:
    """A blob as a listing shows it."""

    container: str
    name: str
    etag: str
    size: int
    content_type: str
    url: str
    modified: datetime


class Listing(Protocol):
    """Lists the blobs of a container, making it where it is absent."""

    def blobs(self, container: str) -> AsyncIterator[NewBlob]:
        """Every blob in the container."""


class Seen:
    """Which blob versions have been told already, on disk: name and ETag, one file per container."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, container: str) -> dict[str, str]:
        """Blob names with the ETag that was told."""
        try:
            return dict(json.loads(self._path(container).read_text()))
        except (OSError, ValueError):
            return {}

    def write(self, container: str, told: Mapping[str, str]) -> None:
        """Replace what is known of a container."""
        self._folder.mkdir(parents=True, exist_ok=True)
        draft = self._path(container).with_suffix(".new")
        draft.write_text(json.dumps(told))
        draft.replace(self._path(container))

    def _path(self, container: str) -> Path:
        return self._folder / f"{container}.json"


@dataclass(frozen=True, slots=True)
class EventGrid:
    """Watches containers. An event is sent before it is remembered: a kill tells twice, never not at all."""

    account: str
    containers: tuple[str, ...]
    connection: str
    queue: str
    listing: Listing
    seen: Seen
    sender: Sender
    interval: float = 1.0

    async def listen(self, stop: asyncio.Event) -> None:
        """Look at every container, again and again."""
        while not stop.is_set():
            for container in self.containers:
                await self.look(container)
            if await stopped_within(stop, self.interval):
                return

    async def look(self, container: str) -> None:
        """Tell what is new in one container since the last look."""
        told = self.seen.read(container)
        there: dict[str, str] = {}
        async for blob in self.listing.blobs(container):
            there[blob.name] = blob.etag
            if told.get(blob.name) == blob.etag:
                continue
            await self.sender.send(self.connection, self.queue, [message(blob_created(self.account, blob))])
            log.info("new blob %s/%s told to queue %s", container, one_line(blob.name), self.queue)
            told[blob.name] = blob.etag
            self.seen.write(container, told)
        if set(told) - set(there):
            self.seen.write(container, there)


def blob_created(account: str, blob: NewBlob) -> dict[str, Any]:
    """Microsoft.Storage.BlobCreated in the Event Grid schema; the same version has the same id."""
    version = hashlib.sha256(f"{blob.container}/{blob.name}/{blob.etag}".encode()).hexdigest()
    return {
        "topic": f"/subscriptions/local/resourceGroups/local/providers/Microsoft.Storage/storageAccounts/{account}",
        "subject": f"/blobServices/default/containers/{blob.container}/blobs/{blob.name}",
        "eventType": "Microsoft.Storage.BlobCreated",
        "id": f"{version[:8]}-{version[8:12]}-{version[12:16]}-{version[16:20]}-{version[20:32]}",
        "eventTime": blob.modified.astimezone(UTC).isoformat().replace("+00:00", "Z"),
        "data": {
            "api": "PutBlob",
            # Event Grid leaves out the quotes that a listing puts around an ETag.
            "eTag": blob.etag.strip('"'),
            "contentType": blob.content_type,
            "contentLength": blob.size,
            "blobType": "BlockBlob",
            "url": blob.url,
            "sequencer": version,
        },
        "dataVersion": "",
        "metadataVersion": "1",
    }


def message(event: Mapping[str, Any]) -> str:
    """The event as Event Grid puts it into a storage queue: JSON in base64, whatever host.json says."""
    return base64.b64encode(json.dumps(event).encode()).decode()


class AzureListing:
    """Listings of a storage account. Close it."""

    def __init__(self, settings: Mapping[str, str], connection: str) -> None:
        self._service = blob_service(settings, connection)
        self.account = str(self._service.account_name)
        self.local = urlsplit(self._service.url).hostname in LOOPBACK

    async def blobs(self, container: str) -> AsyncIterator[NewBlob]:
        from azure.core.exceptions import ResourceNotFoundError

        client = self._service.get_container_client(container)
        try:
            async for item in client.list_blobs():
                yield _new_blob(container, item, client.get_blob_client(item.name).url)
        except ResourceNotFoundError:
            await client.create_container()

    async def close(self) -> None:
        await self._service.close()


def _new_blob(container: str, item: Any, url: str) -> NewBlob:
    kind = item.content_settings.content_type or "application/octet-stream"
    return NewBlob(container, item.name, str(item.etag), item.size, kind, url, item.last_modified)
