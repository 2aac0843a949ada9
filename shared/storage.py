"""Blobs and queues behind two small ports, so that every rule about storage is tested without a network."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from shared.errors import Conflict, SettingsError, Transient
from shared.settings import Connection, Settings

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient
    from azure.storage.queue import QueueClient, QueueServiceClient


@dataclass(frozen=True, slots=True)
class Blob:
    """A blob's content and the ETag it had when read."""

    data: bytes
    etag: str


@dataclass(frozen=True, slots=True)
class BlobInfo:
    """A line of a listing; `modified` is aware, in UTC."""

    name: str
    etag: str
    size: int
    modified: datetime


class BlobStore(Protocol):
    """One container. Every write is a single put: readers see the old blob or the new one, never a part."""

    def get(self, name: str) -> Blob | None:
        """The blob, or None where there is none."""

    def put(self, name: str, data: bytes, *, etag: str | None = None, new: bool = False) -> str:
        """Write whole; with `etag` only over that version, with `new` only where none is.

        Returns the new ETag; raises Conflict where the condition does not hold.
        """

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        """The blobs whose name begins with `prefix`, in name order."""

    def any(self, prefix: str) -> bool:
        """Whether there is a blob whose name begins with `prefix`; cheaper than a listing."""

    def delete(self, name: str) -> None:
        """Remove the blob; an absent one is fine."""


class Queue(Protocol):
    """One queue of text messages."""

    def send(self, text: str, delay_seconds: float = 0) -> None:
        """Add a message that becomes visible after the delay (at most seven days)."""


@dataclass(slots=True)
class MemoryBlobs:
    """A container in memory, with ETag conditions like the real one."""

    blobs: dict[str, tuple[Blob, datetime]] = field(default_factory=dict)
    _etags: Iterator[int] = field(default_factory=itertools.count)

    def get(self, name: str) -> Blob | None:
        entry = self.blobs.get(name)
        return entry[0] if entry else None

    def put(self, name: str, data: bytes, *, etag: str | None = None, new: bool = False) -> str:
        held = self.get(name)
        if (new and held) or (etag is not None and (held is None or held.etag != etag)):
            raise Conflict(f"{name} was changed by somebody else.")
        blob = Blob(bytes(data), f'"{next(self._etags)}"')
        self.blobs[name] = (blob, datetime.now(UTC))
        return blob.etag

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        for name in sorted(self.blobs):
            if name.startswith(prefix):
                blob, modified = self.blobs[name]
                yield BlobInfo(name, blob.etag, len(blob.data), modified)

    def any(self, prefix: str) -> bool:
        return any(name.startswith(prefix) for name in self.blobs)

    def delete(self, name: str) -> None:
        self.blobs.pop(name, None)


@dataclass(slots=True)
class MemoryQueue:
    """A queue in memory: `messages` are (text, delay) in the order sent."""

    messages: list[tuple[str, float]] = field(default_factory=list)

    def send(self, text: str, delay_seconds: float = 0) -> None:
        self.messages.append((text, delay_seconds))


@contextmanager
def _reaching(what: str) -> Iterator[None]:
    """Turn the SDK's errors into ours: a changed blob is a Conflict, everything else may pass."""
    from azure.core.exceptions import AzureError, ResourceExistsError, ResourceModifiedError, ServiceRequestError

    try:
        yield
    except (ResourceExistsError, ResourceModifiedError) as error:
        raise Conflict(f"{what} was changed by somebody else.") from error
    except AzureError as error:
        reason = str(error).partition("\n")[0]
        if isinstance(
            error, ServiceRequestError
        ):  # no connection: the system's word comes last, after the client's own
            reason = reason.removesuffix('"))').rpartition(": ")[2]
        raise Transient(
            f"{what} cannot be reached: {reason.rstrip('.')}.", "Is the storage account up? (`make up`)"
        ) from error


@dataclass(frozen=True, slots=True)
class AzureBlobs:
    """A container of a storage account; it is created by the first write."""

    client: "ContainerClient"

    def get(self, name: str) -> Blob | None:
        from azure.core.exceptions import ResourceNotFoundError

        with _reaching(name):
            try:
                download = self.client.download_blob(name)
                return Blob(download.readall(), str(download.properties.etag))
            except ResourceNotFoundError:
                return None

    def put(self, name: str, data: bytes, *, etag: str | None = None, new: bool = False) -> str:
        from azure.core import MatchConditions

        condition: dict[str, Any] = {"overwrite": not new}
        if etag is not None:
            condition |= {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        with _reaching(name):
            return self._upload(name, data, condition)

    def _upload(self, name: str, data: bytes, condition: dict[str, Any]) -> str:
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        blob = self.client.get_blob_client(name)
        try:
            return str(blob.upload_blob(data, **condition)["etag"])
        except ResourceNotFoundError as error:
            if "match_condition" in condition:
                raise Conflict(f"{name} was removed by somebody else.") from error
        with suppress(ResourceExistsError):
            self.client.create_container()
        return str(blob.upload_blob(data, **condition)["etag"])

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        return self._pages(prefix, None)

    def any(self, prefix: str) -> bool:
        return next(self._pages(prefix, 1), None) is not None

    def _pages(self, prefix: str, size: int | None) -> Iterator[BlobInfo]:
        from azure.core.exceptions import ResourceNotFoundError

        with _reaching(f"{self.client.container_name}/{prefix}"):
            try:
                for item in self.client.list_blobs(name_starts_with=prefix or None, results_per_page=size):
                    yield BlobInfo(item.name, str(item.etag), int(item.size), item.last_modified)
            except ResourceNotFoundError:
                return

    def delete(self, name: str) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        with _reaching(name), suppress(ResourceNotFoundError):
            self.client.delete_blob(name)


@dataclass(frozen=True, slots=True)
class AzureQueue:
    """A queue of a storage account; it is created by the first message."""

    client: "QueueClient"

    def send(self, text: str, delay_seconds: float = 0) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        with _reaching(f"Queue {self.client.queue_name}"):
            try:
                self.client.send_message(text, visibility_timeout=int(delay_seconds))
            except ResourceNotFoundError:
                self.client.create_queue()
                self.client.send_message(text, visibility_timeout=int(delay_seconds))


@dataclass(frozen=True, slots=True)
class Storage:
    """The two accounts: data, which users may see, and control, which they may not.

    `connect_retries` is how often an account is tried again that no connection can be made to.
    """

    data_account: Connection
    control_account: Connection
    connect_retries: int = 3

    @classmethod
    def from_settings(cls, settings: Settings, connect_retries: int = 3) -> "Storage":
        """The accounts that the settings name; nothing is contacted yet."""
        return cls(settings.data_storage, settings.control_storage, connect_retries)

    def data(self, container: str) -> BlobStore:
        """A container of the data account."""
        return AzureBlobs(_blob_service(self.data_account, self.connect_retries).get_container_client(container))

    def control(self, container: str) -> BlobStore:
        """A container of the control account."""
        return AzureBlobs(_blob_service(self.control_account, self.connect_retries).get_container_client(container))

    def queue(self, name: str) -> Queue:
        """A queue of the control account."""
        return AzureQueue(_queue_service(self.control_account, self.connect_retries).get_queue_client(name))


@dataclass(frozen=True, slots=True)
class MemoryStorage(Storage):
    """Both accounts in memory, for tests."""

    data_account: Connection = Connection("DataStorage")
    control_account: Connection = Connection("ControlStorage")
    containers: dict[tuple[str, str], MemoryBlobs] = field(default_factory=dict)
    queues: dict[str, MemoryQueue] = field(default_factory=dict)

    def data(self, container: str) -> MemoryBlobs:
        return self.containers.setdefault(("data", container), MemoryBlobs())

    def control(self, container: str) -> MemoryBlobs:
        return self.containers.setdefault(("control", container), MemoryBlobs())

    def queue(self, name: str) -> MemoryQueue:
        return self.queues.setdefault(name, MemoryQueue())


@cache
def _blob_service(connection: Connection, connect_retries: int) -> "BlobServiceClient":
    from azure.storage.blob import BlobServiceClient

    options = _RETRIES | {"retry_connect": connect_retries, "transport": _transport()}
    if connection.string:
        return BlobServiceClient.from_connection_string(connection.string, **options)
    address = _address(connection, connection.blob_uri, "blobServiceUri")
    return BlobServiceClient(address, _credential(), **options)


# Tries after 3, 5, 9, 17 and 33 s, more or less: the SDK's own would wait 18 s before the second.
_RETRIES: dict[str, Any] = {"retry_total": 5, "initial_backoff": 1, "increment_base": 2, "random_jitter_range": 1}


def _transport() -> Any:
    """Connections for as many threads as transfer at once; the default keeps ten and throws the others away."""
    from azure.core.pipeline.transport import RequestsTransport
    from requests import Session
    from requests.adapters import HTTPAdapter

    session = Session()
    for scheme in ("https://", "http://"):
        session.mount(scheme, HTTPAdapter(pool_maxsize=64))
    return RequestsTransport(session=session, session_owner=False)


@cache
def _queue_service(connection: Connection, connect_retries: int) -> "QueueServiceClient":
    from azure.storage.queue import QueueServiceClient

    options = _RETRIES | {"retry_connect": connect_retries}
    if connection.string:
        return QueueServiceClient.from_connection_string(connection.string, **options)
    address = _address(connection, connection.queue_uri, "queueServiceUri")
    return QueueServiceClient(address, credential=_credential(), **options)


def _address(connection: Connection, uri: str | None, part: str) -> str:
    if uri:
        return uri
    raise SettingsError(
        f"{connection.name} is not set.",
        f"Set {connection.name} to a connection string, or {connection.name}__{part} to use an identity.",
    )


@cache
def _credential() -> Any:
    from azure.identity import DefaultAzureCredential

    return DefaultAzureCredential()
