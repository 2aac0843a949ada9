"""Sends readings to Event Hubs, each device by its own partition key, with the retries that the SDK leaves out."""

import random
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from shared.errors import SettingsError, Transient
from shared.readings.samples import Sample
from shared.settings import Settings

if TYPE_CHECKING:
    from azure.eventhub import EventHubProducerClient

_TRIES = 7
_LONGEST_WAIT = 30.0  # seconds


class Hub(Protocol):
    """What is needed of a producer client."""

    def create_batch(self, *, partition_key: str) -> Any:
        """An empty batch; its `add` raises ValueError when it is full."""

    def send_batch(self, event_data_batch: Any) -> None:
        """Send a batch whole."""


@contextmanager
def open_hub(settings: Settings, retries: int = 3) -> "Iterator[EventHubProducerClient]":
    """A producer on the hub that the settings name; raises SettingsError where they do not.

    `retries` are the SDK's own, of lost connections.
    """
    from azure.eventhub import EventHubProducerClient

    connection = settings.event_hubs
    if connection.string:
        name = None if "entitypath=" in connection.string.lower() else settings.event_hub_name
        client = EventHubProducerClient.from_connection_string(
            connection.string, eventhub_name=name, retry_total=retries
        )
    elif connection.namespace:
        from azure.identity import DefaultAzureCredential

        client = EventHubProducerClient(
            connection.namespace, settings.event_hub_name, DefaultAzureCredential(), retry_total=retries
        )
    else:
        raise SettingsError(
            f"{connection.name} is not set.",
            f"Set {connection.name} to a connection string, or {connection.name}__fullyQualifiedNamespace.",
        )
    with client:
        yield client


def hub_partitions(settings: Settings) -> list[str]:
    """Ids of the hub's partitions; raises Transient where it does not answer."""
    with open_hub(settings, retries=0) as hub:
        return list(_patiently(hub.get_partition_ids, tries=1))


@dataclass(slots=True)
class Pace:
    """Holds back to `rate` readings per second; 0 is as fast as it goes. Clock and sleep come from outside."""

    rate: float
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _due: float = 0.0

    def wait(self, readings: int) -> None:
        """Return when this many more may be sent."""
        if self.rate <= 0:
            return
        now = self.clock()
        if now < self._due:
            self.sleep(self._due - now)
        self._due = max(now, self._due) + readings / self.rate


def send_round(hub: Hub, samples: Iterable[Sample], sleep: Callable[[float], None] = time.sleep) -> int:
    """Send samples, those of a device in their order and under its key; returns how many.

    At least once: an answer that was lost is sent again. Raises Transient when the hub stays away.
    """
    from azure.eventhub import EventData

    by_device: dict[str, list[Sample]] = {}
    for sample in samples:
        by_device.setdefault(sample.device, []).append(sample)
    for device, own in by_device.items():
        empty = partial(hub.create_batch, partition_key=device)
        batch = _patiently(empty, sleep)
        for event in map(EventData, map(Sample.body, own)):
            try:
                batch.add(event)
            except ValueError:
                _send(hub, batch, sleep)
                batch = _patiently(empty, sleep)
                batch.add(event)
        _send(hub, batch, sleep)
    return sum(map(len, by_device.values()))


def _send(hub: Hub, batch: Any, sleep: Callable[[float], None]) -> None:
    _patiently(partial(hub.send_batch, batch), sleep)


def _patiently[T](call: Callable[[], T], sleep: Callable[[float], None] = time.sleep, tries: int = _TRIES) -> T:
    """Try again what Event Hubs refused: the SDK itself does so for lost connections only."""
    from azure.eventhub.exceptions import AuthenticationError, EventHubError

    for attempt in range(1, tries + 1):
        try:
            return call()
        except AuthenticationError as error:
            raise SettingsError("Event Hubs refuses the key or identity.", "Check the setting EventHubs.") from error
        except EventHubError as error:
            if attempt == tries:
                raise Transient(
                    f"Event Hubs does not take what is sent: {error.message}",
                    "Check that the hub exists, and on this machine that `make up` runs.",
                ) from error
            sleep(min(_LONGEST_WAIT, 2.0 ** (attempt - 1)) * random.uniform(0.5, 1.0))  # noqa: S311 - no secret
    raise AssertionError("unreachable")
