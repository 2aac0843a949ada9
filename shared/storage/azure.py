"""Containers and queues of real storage accounts, behind the SDKs; each is imported where it is first used."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from shared.errors import Conflict, SettingsError, Transient
from shared.identity import Identity
from shared.settings import Connection
from shared.storage.names import check_metadata, check_name, check_prefix
from shared.storage.ports import Blob, BlobInfo, Content

if TYPE_CHECKING:
    from azure.storage.blob import BlobClient, BlobServiceClient, ContainerClient
    from azure.storage.queue import QueueClient, QueueServiceClient


@contextmanager
def _reaching(what: str, address: str) -> Iterator[None]:
    """Turn the SDK's errors into ours, those too that it raises over an answer that is not the service's."""
    from xml.etree.ElementTree import ParseError

    from azure.core.exceptions import AzureError, DeserializationError

    try:
        yield
    except (DeserializationError, ParseError) as error:
        raise Transient(f"{what} is answered with something that is no XML.", "Is there a proxy between?") from error
    except AzureError as error:
        from shared.storage.refusals import as_tally_error

        raise as_tally_error(error, what, address) from error


@dataclass(frozen=True, slots=True)
class AzureBlobs:
    """A container of a storage account; it is created by the first write."""

    client: "ContainerClient"

    def get(self, name: str) -> Blob | None:
        from azure.core.exceptions import ResourceNotFoundError

        blob = self._blob(name)
        with _reaching(name, blob.url):
            try:
                download = blob.download_blob()
                return Blob(download.readall(), str(download.properties.etag))
            except ResourceNotFoundError:
                return None

    def info(self, name: str) -> BlobInfo | None:
        from azure.core.exceptions import ResourceNotFoundError

        blob = self._blob(name)
        with _reaching(name, blob.url):
            try:
                found = blob.get_blob_properties()
            except ResourceNotFoundError:
                return None
        return BlobInfo(name, str(found.etag), int(found.size), found.last_modified, dict(found.metadata or {}))

    def read(self, name: str, offset: int, length: int, etag: str) -> bytes:
        from azure.core import MatchConditions
        from azure.core.exceptions import ResourceNotFoundError

        blob = self._blob(name)
        with _reaching(name, blob.url):
            try:
                return blob.download_blob(
                    offset, length, etag=etag, match_condition=MatchConditions.IfNotModified
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
        check_metadata(metadata or {})
        blob = self._blob(name)
        with _reaching(name, blob.url):
            return self._upload(blob, data, options)

    def _upload(self, blob: "BlobClient", data: Content, options: dict[str, Any]) -> str:
        from azure.core.exceptions import ResourceNotFoundError

        start = None if isinstance(data, bytes) else data.tell()
        try:
            return str(blob.upload_blob(data, **options)["etag"])
        except ResourceNotFoundError as error:
            if "match_condition" in options:
                raise Conflict(f"{blob.blob_name} was removed by somebody else.") from error
        with _made_before("ContainerAlreadyExists"):
            self.client.create_container()
        if not isinstance(data, bytes) and start is not None:
            data.seek(start)
        return str(blob.upload_blob(data, **options)["etag"])

    def list(self, prefix: str = "") -> Iterator[BlobInfo]:
        return self._pages(prefix, None)

    def any(self, prefix: str) -> bool:
        return next(self._pages(prefix, 1), None) is not None

    def _pages(self, prefix: str, size: int | None) -> Iterator[BlobInfo]:
        from azure.core.exceptions import ResourceNotFoundError

        check_prefix(prefix)
        with _reaching(f"{self.client.container_name}/{prefix}", self.client.url):
            try:
                for item in self.client.list_blobs(name_starts_with=prefix or None, results_per_page=size):
                    yield BlobInfo(item.name, str(item.etag), int(item.size), item.last_modified)
            except ResourceNotFoundError:
                return

    def delete(self, name: str) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        blob = self._blob(name)
        with _reaching(name, blob.url), suppress(ResourceNotFoundError):
            blob.delete_blob()

    def _blob(self, name: str) -> "BlobClient":
        check_name(name)
        return self.client.get_blob_client(name)


@dataclass(frozen=True, slots=True)
class AzureQueue:
    """A queue of a storage account; it is created by the first message."""

    client: "QueueClient"

    def send(self, text: str, delay_seconds: float = 0) -> None:
        from azure.core.exceptions import ResourceNotFoundError

        with _reaching(f"Queue {self.client.queue_name}", self.client.url):
            try:
                self.client.send_message(text, visibility_timeout=int(delay_seconds))
            except ResourceNotFoundError:
                with _made_before("QueueAlreadyExists", ""):  # "": the service answers 204 to a second creation
                    self.client.create_queue()
                self.client.send_message(text, visibility_timeout=int(delay_seconds))


@contextmanager
def _made_before(*codes: str) -> Iterator[None]:
    """Let pass that what is to be created is there; not that it is being deleted, which is the same exception."""
    from azure.core.exceptions import ResourceExistsError

    try:
        yield
    except ResourceExistsError as error:
        if (getattr(error, "error_code", None) or "") not in codes:
            raise


@cache
def blob_service(connection: Connection, connect_retries: int, api_version: str) -> "BlobServiceClient":
    from azure.storage.blob import BlobServiceClient

    options = _RETRIES | {"retry_connect": connect_retries, "transport": _transport()}
    with _speaking(api_version) as version:
        if connection.string:
            return BlobServiceClient.from_connection_string(connection.string, **options, **version)
        address = _address(connection, connection.blob_uri, "blobServiceUri")
        return BlobServiceClient(address, Identity(address), **options, **version)


# Tries after 3, 5, 9, 17 and 33 s, more or less: the SDK's own would wait 18 s before the second. It has limits for
# each kind of failure beside the total.
_RETRIES: dict[str, Any] = {
    **{f"retry_{kind}": 5 for kind in ("total", "status", "read")},
    **{"initial_backoff": 1, "increment_base": 2, "random_jitter_range": 1},
}


@contextmanager
def _speaking(api_version: str) -> Iterator[dict[str, Any]]:
    """The client's option for a version of the service's interface, none for the client's own; raises SettingsError."""
    try:
        yield {"api_version": api_version} if api_version else {}
    except ValueError as error:
        if not str(error).startswith("Unsupported API version"):
            raise
        newest = str(error).split()[-1]
        raise SettingsError(
            f"STORAGE_API_VERSION is {api_version!r}, which the client does not speak.", f"Its newest is {newest}."
        ) from error


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
def queue_service(connection: Connection, connect_retries: int, api_version: str) -> "QueueServiceClient":
    from azure.storage.queue import QueueServiceClient

    options = _RETRIES | {"retry_connect": connect_retries}
    with _speaking(api_version) as version:
        if connection.string:
            return QueueServiceClient.from_connection_string(connection.string, **options, **version)
        address = _address(connection, connection.queue_uri, "queueServiceUri")
        return QueueServiceClient(address, credential=Identity(address), **options, **version)


def _address(connection: Connection, uri: str | None, part: str) -> str:
    if uri:
        return uri
    raise SettingsError(
        f"{connection.name} is not set.",
        f"Set {connection.name} to a connection string, or {connection.name}__{part} to use an identity.",
    )
