"""Clients for the services that bindings name: by connection string, or by address and identity."""

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shared.errors import SettingsError
from shared.identity import authority
from shared.readings import refusals
from shared.readings.hub import is_loopback
from shared.settings import Connection
from shared.settings.connection import hub_connection, storage_connection

if TYPE_CHECKING:
    from azure.eventhub.aio import EventHubConsumerClient
    from azure.storage.blob.aio import BlobServiceClient
    from azure.storage.queue.aio import QueueServiceClient

# The SDKs' own pauses begin at 15 s; listeners have their own.
_RETRY: dict[str, Any] = {"initial_backoff": 0, "increment_base": 2, "retry_total": 3}


def connection(settings: Mapping[str, str], name: str) -> Connection:
    """The connection that setting `name` holds, or `AzureWebJobs` + `name`; raises SettingsError."""
    for candidate in (name, f"AzureWebJobs{name}"):
        found = Connection.from_env(candidate, settings)
        if found.is_set:
            return found
    raise SettingsError(
        f"There is no connection {name}.",
        f"Set {name} to a connection string, or {name}__... to addresses for an identity.",
    )


def storage_string(settings: Mapping[str, str], name: str) -> str | None:
    """The connection string of a storage account, as the SDKs take it; None with an identity."""
    return storage_connection(connection(settings, name)).string


def queue_service(settings: Mapping[str, str], name: str) -> "QueueServiceClient":
    """The queues of an account; raises SettingsError."""
    from azure.storage.queue.aio import QueueServiceClient

    if text := storage_string(settings, name):
        return QueueServiceClient.from_connection_string(text, **_RETRY)
    address = _address(connection(settings, name).queue_uri, name, "queueServiceUri")
    return QueueServiceClient(address, credential=credential(address), **_RETRY)


def blob_service(settings: Mapping[str, str], name: str) -> "BlobServiceClient":
    """The containers of an account; raises SettingsError."""
    from azure.storage.blob.aio import BlobServiceClient

    if text := storage_string(settings, name):
        return BlobServiceClient.from_connection_string(text, **_RETRY)
    address = _address(connection(settings, name).blob_uri, name, "blobServiceUri")
    return BlobServiceClient(address, credential=credential(address), **_RETRY)


def event_hub_consumer(
    settings: Mapping[str, str], name: str, event_hub: str, consumer_group: str, **options: Any
) -> "EventHubConsumerClient":
    """A consumer of an event hub; raises SettingsError."""
    from azure.eventhub.aio import EventHubConsumerClient

    refusals.watch()
    found = hub_connection(connection(settings, name))
    if found.string:
        # A hub named within the string is the one that the real host reads, too.
        named: dict[str, Any] = {} if "entitypath=" in found.string.lower() else {"eventhub_name": event_hub}
        return EventHubConsumerClient.from_connection_string(
            found.string, consumer_group=consumer_group, **named, **options
        )
    namespace = _address(found.namespace, name, "fullyQualifiedNamespace")
    options["use_tls"] = not is_loopback(namespace)
    return EventHubConsumerClient(namespace, event_hub, consumer_group, credential(namespace), **options)


def _address(address: str | None, name: str, part: str) -> str:
    if address:
        return address
    raise SettingsError(f"{name} is not set.", f"Set {name} or {name}__{part}.")


def credential(address: str) -> Any:
    """The identity; aiohttp has to be told whom to trust, which requests reads from REQUESTS_CA_BUNDLE itself."""
    from azure.identity.aio import DefaultAzureCredential

    trust = os.environ.get("REQUESTS_CA_BUNDLE") or True
    return DefaultAzureCredential(connection_verify=trust, **authority(address))
