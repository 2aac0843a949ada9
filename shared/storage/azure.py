"""Containers and queues of real storage accounts, behind the SDKs; each is imported where it is first used."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.errors import Conflict, SettingsError, Transient
from shared.identity import Identity, refusal
from shared.settings import Connection
from shared.storage.ports import Blob, BlobInfo, Content

if TYPE_CHECKING:
    from azure.storage.blob import BlobServiceClient, ContainerClient
    from azure.storage.queue import QueueClient, QueueServiceClient


@contextmanager
def _reaching(what: str) -> Iterator[None]:
    """Turn the SDK's errors into ours: a changed blob is a Conflict, everything else may pass."""
    from azure.core.exceptions import AzureError, ResourceExistsError, ResourceModifiedError, ServiceRequestError

    try:
        yield
    except (ResourceExistsError, ResourceModifiedError) as error:
        raise Conflict(f"{what} was changed by somebody else.") from error
    except AzureError as error:
        if refused := refusal(error):
            raise refused from error
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

    def info(self, name: str) -> BlobInfo | None:
        from azure.core.exceptions import ResourceNotFoundError

        with _reaching(name):
            try:
                found = self.client.get_blob_client(name).get_blob_properties()
            except ResourceNotFoundError:
                return None
        return BlobInfo(name, str(found.etag), int(found.size), found.last_modified, dict(found.metadata or {}))

    def read(self, name: str, offset: int, length: int, etag: str) -> bytes:
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceNotFoundError

        with _reaching(name):
            try:
                return self.client.download_blob(
                    name, offset, length, etag=etag, match_condition=MatchConditions.IfNotModified
                ).readall()
            except ResourceNotFoundError as error:
                raise Conflict(f"{name} was removed by somebody else.") from error

    def put(
        self,
        name: str,
        data: Content,
        *,
        etag: str | None = None,
        new: bool = False,
        metadata: Mapping[str, str] | None = None,
    ) -> str:
        from azure.core import MatchConditions

        options: dict[str, Any] = {"overwrite": not new, "metadata": metadata}
        if etag is not None:
            options |= {"etag": etag, "match_condition": MatchConditions.IfNotModified}
        with _reaching(name):
            return self._upload(name, data, options)

    def _upload(self, name: str, data: Content, options: dict[str, Any]) -> str:
        from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError

        blob = self.client.get_blob_client(name)
        try:
            return str(blob.upload_blob(data, **options)["etag"])
        except ResourceNotFoundError as error:
            if "match_condition" in options:
                raise Conflict(f"{name} was removed by somebody else.") from error
        with suppress(ResourceExistsError):
            self.client.create_container()
        if not isinstance(data, bytes):
            data.seek(0)
        return str(blob.upload_blob(data, **options)["etag"])

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


@cache
def blob_service(connection: Connection, connect_retries: int) -> "BlobServiceClient":
    from azure.storage.blob import BlobServiceClient

    options = _RETRIES | {"retry_connect": connect_retries, "transport": _transport()}
    if connection.string:
        return BlobServiceClient.from_connection_string(connection.string, **options)
    address = _address(connection, connection.blob_uri, "blobServiceUri")
    return BlobServiceClient(address, Identity(address), **options)


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
def queue_service(connection: Connection, connect_retries: int) -> "QueueServiceClient":
    from azure.storage.queue import QueueServiceClient

    options = _RETRIES | {"retry_connect": connect_retries}
    if connection.string:
        return QueueServiceClient.from_connection_string(connection.string, **options)
    address = _address(connection, connection.queue_uri, "queueServiceUri")
    return QueueServiceClient(address, credential=Identity(address), **options)


def _address(connection: Connection, uri: str | None, part: str) -> str:
    if uri:
        return uri
    raise SettingsError(
        f"{connection.name} is not set.",
        f"Set {connection.name} to a connection string, or {connection.name}__{part} to use an identity.",
    )
