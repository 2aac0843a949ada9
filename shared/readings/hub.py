"""The event hub of the readings: how to reach it, and what it holds."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from shared.clouds import EVENT_HUBS
from shared.errors import SettingsError, TallyError, Transient
from shared.identity import Identity
from shared.readings import refusals
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.eventhub import EventHubConsumerClient, EventHubProducerClient
    from azure.eventhub.exceptions import EventHubError


@contextmanager
def open_producer(settings: Settings, retries: int = 3) -> "Iterator[EventHubProducerClient]":
    """A producer on the hub that the settings name; raises SettingsError where they do not.

    `retries` are the SDK's own, of lost connections.
    """
    from azure.eventhub import EventHubProducerClient

    with _open(EventHubProducerClient, settings, retry_total=retries) as client:
        yield client


@contextmanager
def open_consumer(settings: Settings) -> "Iterator[EventHubConsumerClient]":
    """A consumer of the app's group on the hub that the settings name; raises SettingsError where they do not."""
    from azure.eventhub import EventHubConsumerClient

    group = settings.event_hub_consumer_group
    with _open(EventHubConsumerClient, settings, consumer_group=group, retry_total=0) as client:
        yield client


def last_sequences(settings: Settings) -> dict[str, int]:
    """The sequence number of the last event in each partition, -1 where it never had one; raises Transient."""
    from azure.eventhub.exceptions import EventHubError

    try:
        with open_consumer(settings) as hub:
            held = [hub.get_partition_properties(partition) for partition in hub.get_partition_ids()]
    except EventHubError as error:
        raise as_tally_error(error, "The event hub cannot be asked what it holds") from error
    return {partition["id"]: partition["last_enqueued_sequence_number"] for partition in held}


def as_tally_error(error: "EventHubError", what: str) -> TallyError:
    """What an error of the SDK means: SettingsError for a hub or a right that is not there, else Transient.

    Azure refuses the token for a hub that it does not have, and the SDK then speaks of authentication.
    """
    from azure.eventhub.exceptions import AuthenticationError

    refused = isinstance(error, AuthenticationError)
    if "could not be found" in str(error.message) or (refused and refusals.was_not_found(str(error.message))):
        return SettingsError("There is no such event hub.", _MISSING)
    if refused:
        return SettingsError("Event Hubs refuses the key or identity.", "Check the setting EventHubs.")
    return Transient(f"{what}: {first_line(error)}.", HINT)


def first_line(error: "EventHubError") -> str:
    """What happened; the lines after it repeat that with the protocol's names."""
    return re.sub(r"\[Errno -?\d+\] ", "", str(error.message).partition("\n")[0]).rstrip(".")


HINT = "Check that the hub exists, and on this machine that `make up` runs."
_MISSING = "Create it, or correct EVENT_HUB_NAME or the namespace in EventHubs. On this machine `make up` creates it."


def is_loopback(namespace: str) -> bool:
    """Whether a namespace is the peer on this machine: without TLS, and the only one whose name may have a port."""
    return namespace.partition(":")[0] in {"127.0.0.1", "localhost"}


def _open(kind: Callable[..., Any], settings: Settings, **options: Any) -> Any:
    refusals.watch()
    connection = settings.event_hubs
    if connection.string:
        name = None if "entitypath=" in connection.string.lower() else settings.event_hub_name
        return kind.from_connection_string(connection.string, eventhub_name=name, **options)  # type: ignore[attr-defined]
    if connection.namespace:
        identity = Identity(connection.namespace)
        identity.get_token(f"{EVENT_HUBS}/.default")  # what it raises, the SDK would wrap, and try again
        return kind(
            fully_qualified_namespace=connection.namespace,
            eventhub_name=settings.event_hub_name,
            credential=identity,
            use_tls=not is_loopback(connection.namespace),
            **options,
        )
    raise SettingsError(
        f"{connection.name} is not set.",
        f"Set {connection.name} to a connection string, or {connection.name}__fullyQualifiedNamespace.",
    )
